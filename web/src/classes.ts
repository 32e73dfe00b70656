// The classes of the result with their areas, as buttons that isolate them. An isolated class keeps its button
// when a change takes its last pixel, or else it could not be deselected.

import { css } from "./drawing";
import type { Labels, Opened } from "./service";

export interface Found {
  id: number;
  area: number;
  confidence: number;
}

export function found({ ids, confidence }: Labels): Found[] {
  const counts = new Map<number, { pixels: number; sum: number }>();
  for (let place = 0; place < ids.length; place++) {
    const id = ids[place]!;
    const entry = counts.get(id) ?? { pixels: 0, sum: 0 };
    entry.pixels += 1;
    entry.sum += confidence[place]!;
    counts.set(id, entry);
  }
  return [...counts]
    .map(([id, { pixels, sum }]) => ({ id, area: pixels / ids.length, confidence: sum / pixels / 255 }))
    .sort((one, other) => other.area - one.area);
}

export function percent(share: number): string {
  return share > 0 && share < 0.01 ? "<1 %" : `${Math.round(100 * share)} %`;
}

export function showClasses(
  list: HTMLElement,
  entries: Found[],
  opened: Opened,
  chosen: ReadonlySet<number>,
  click: (id: number) => void,
): void {
  const gone = [...chosen].filter((id) => entries.every((entry) => entry.id !== id));
  const listed = [...entries, ...gone.map((id) => ({ id, area: 0, confidence: 0 }))];
  const focused = list.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.id : null;
  list.replaceChildren(
    ...listed.map(({ id, area, confidence }) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const swatch = document.createElement("span");
      const name = document.createElement("span");
      const numbers = document.createElement("span");
      button.type = "button";
      button.dataset.id = String(id);
      button.setAttribute("aria-pressed", String(chosen.has(id)));
      swatch.className = "swatch";
      swatch.style.backgroundColor = css(opened.palette[id] ?? [0, 0, 0]);
      name.textContent = opened.classes[id] ?? String(id);
      name.className = "name";
      numbers.className = "numbers";
      numbers.textContent =
        area > 0 ? `${percent(area)} of the picture, ${percent(confidence)} sure` : "nowhere in the picture now";
      button.append(swatch, name, numbers);
      button.addEventListener("click", () => click(id));
      item.append(button);
      return item;
    }),
  );
  if (focused != null) list.querySelector<HTMLElement>(`[data-id="${focused}"]`)?.focus();
}
