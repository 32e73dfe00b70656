// The pointer and the keyboard on the picture: looking, isolating, scribbling.

import type { Place } from "./drawing";
import type { Scribble } from "./service";

export interface Surface {
  size: () => { width: number; height: number } | null;
  pen: () => { mode: string; classId: number; radius: number };
  look: (place: Place | null, byKeyboard: boolean) => void;
  pick: (place: Place) => void;
  sketch: (scribble: Scribble) => void; // while it is drawn
  finish: (scribble: Scribble) => void;
}

const MOST_POINTS = 1000;

export function listen(canvas: HTMLCanvasElement, surface: Surface): void {
  let current: Scribble | null = null;
  let cursor: Place | null = null;

  const within = ([x, y]: Place, { width, height }: { width: number; height: number }): Place => [
    Math.max(0, Math.min(width - 1, x)),
    Math.max(0, Math.min(height - 1, y)),
  ];
  const placeOf = (event: MouseEvent): Place | null => {
    const size = surface.size();
    if (size === null) return null;
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * size.width;
    const y = ((event.clientY - box.top) / box.height) * size.height;
    return within([x, y], size);
  };
  const begun = (place: Place): Scribble => {
    const { mode, classId, radius } = surface.pen();
    return { class_id: classId, more: mode === "more", radius, points: [place] };
  };

  canvas.addEventListener("click", (event) => {
    const place = placeOf(event);
    if (place !== null && surface.pen().mode === "look") surface.pick(place);
  });
  canvas.addEventListener("pointerdown", (event) => {
    const place = placeOf(event);
    if (place === null || event.button !== 0 || !event.isPrimary || surface.pen().mode === "look") return;
    canvas.setPointerCapture(event.pointerId);
    current = begun(place);
    surface.sketch(current);
  });
  canvas.addEventListener("pointermove", (event) => {
    const place = placeOf(event);
    if (place === null || !event.isPrimary) return;
    cursor = place;
    if (current === null) {
      surface.look(place, false);
      return;
    }
    const last = current.points.at(-1)!;
    if (Math.hypot(last[0] - place[0], last[1] - place[1]) >= 2 && current.points.length < MOST_POINTS) {
      current.points.push(place);
      surface.sketch(current);
    }
  });
  const end = (event: PointerEvent) => {
    if (!event.isPrimary) return;
    if (current !== null) surface.finish(current);
    current = null;
  };
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  canvas.addEventListener("pointerleave", () => {
    if (current === null) surface.look(null, false);
  });

  canvas.addEventListener("keydown", (event) => {
    const size = surface.size();
    if (size === null) return;
    const moves: Record<string, Place> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const move = moves[event.key];
    cursor = within(cursor ?? [size.width / 2, size.height / 2], size); // it may be of an earlier picture
    if (move !== undefined) {
      const far = (event.shiftKey ? 0.1 : 0.02) * Math.max(size.width, size.height);
      cursor = within([cursor[0] + far * move[0], cursor[1] + far * move[1]], size);
      surface.look(cursor, true);
    } else if (event.key === "Enter" || event.key === " ") {
      if (surface.pen().mode === "look") surface.pick(cursor);
      else surface.finish(begun(cursor));
    } else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => surface.look(null, true));
}
