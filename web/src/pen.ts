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

  const placeOf = (event: PointerEvent): Place | null => {
    const size = surface.size();
    if (size === null) return null;
    const box = canvas.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * size.width;
    const y = ((event.clientY - box.top) / box.height) * size.height;
    return [Math.max(0, Math.min(size.width - 1, x)), Math.max(0, Math.min(size.height - 1, y))];
  };
  const begun = (place: Place): Scribble => {
    const { mode, classId, radius } = surface.pen();
    return { class_id: classId, more: mode === "more", radius, points: [place] };
  };

  canvas.addEventListener("pointerdown", (event) => {
    const place = placeOf(event);
    if (place === null || event.button !== 0) return;
    if (surface.pen().mode === "look") {
      surface.pick(place);
      return;
    }
    canvas.setPointerCapture(event.pointerId);
    current = begun(place);
    surface.sketch(current);
  });
  canvas.addEventListener("pointermove", (event) => {
    const place = placeOf(event);
    if (place === null) return;
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
  const end = () => {
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
    cursor ??= [size.width / 2, size.height / 2];
    if (move !== undefined) {
      const far = (event.shiftKey ? 0.1 : 0.02) * Math.max(size.width, size.height);
      cursor = [
        Math.max(0, Math.min(size.width - 1, cursor[0] + far * move[0])),
        Math.max(0, Math.min(size.height - 1, cursor[1] + far * move[1])),
      ];
      surface.look(cursor, true);
    } else if (event.key === "Enter" || event.key === " ") {
      if (surface.pen().mode === "look") surface.pick(cursor);
      else surface.finish(begun(cursor));
    } else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => surface.look(null, true));
}
