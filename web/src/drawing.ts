// Draws photo, labels, scribbles and the cursor on one canvas.

import type { Labels, Opened, Scribble } from "./service";

export type View = "overlay" | "labels" | "confidence" | "cutout";
export type Place = [x: number, y: number];

export interface Scene {
  photo: ImageBitmap;
  opened: Opened;
  after: Labels;
  before: Labels;
  view: View;
  divided: number; // share of the picture, from the left, that shows `before`
  chosen: ReadonlySet<number>; // isolated classes; empty: all
  scribbles: Scribble[];
  cursor: Place | null;
}

const [SHORTEST, LONGEST] = [860, 1000]; // of the canvas's long side; a photo is at most doubled

// A dark colour cannot be seen on a photo: it is brightened, and black becomes grey.
export function visible([red, green, blue]: [number, number, number]): [number, number, number] {
  const brightest = Math.max(red, green, blue);
  if (brightest === 0) return [90, 90, 90];
  const scale = (120 + (135 * brightest) / 255) / brightest;
  return [Math.round(red * scale), Math.round(green * scale), Math.round(blue * scale)];
}

export function css(colour: [number, number, number]): string {
  return `rgb(${visible(colour).join(" ")})`;
}

export function fit(canvas: HTMLCanvasElement, photo: ImageBitmap): void {
  const long = Math.max(photo.width, photo.height);
  const scale = long > LONGEST ? LONGEST / long : Math.max(1, Math.min(2, SHORTEST / long));
  canvas.width = Math.max(1, Math.round(photo.width * scale));
  canvas.height = Math.max(1, Math.round(photo.height * scale));
}

export function draw(canvas: HTMLCanvasElement, scene: Scene): void {
  const context = canvas.getContext("2d");
  if (context === null) return;
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  layer(context, scene, scene.after);
  if (scene.divided > 0) {
    const edge = Math.round(width * scene.divided);
    context.save();
    context.beginPath();
    context.rect(0, 0, edge, height);
    context.clip();
    context.clearRect(0, 0, edge, height);
    layer(context, scene, scene.before);
    context.restore();
    context.fillStyle = "#fff";
    context.fillRect(edge - 1, 0, 2, height);
  }
  for (const scribble of scene.scribbles) stroke(context, scene, scribble);
  if (scene.cursor !== null) crosshair(context, scene, scene.cursor);
}

function layer(context: CanvasRenderingContext2D, scene: Scene, labels: Labels): void {
  const { width, height } = context.canvas;
  context.drawImage(scene.photo, 0, 0, width, height);
  const above = new OffscreenCanvas(scene.opened.width, scene.opened.height);
  const drawing = above.getContext("2d");
  if (drawing === null) return;
  drawing.putImageData(pixels(scene, labels), 0, 0);
  context.save();
  context.imageSmoothingQuality = "high";
  if (scene.view === "cutout") context.globalCompositeOperation = "destination-in";
  context.drawImage(above, 0, 0, width, height);
  context.restore();
}

// What lies above the photo; for a cutout, what remains of it.
function pixels(scene: Scene, { ids, confidence }: Labels): ImageData {
  const { width, height, palette, background } = scene.opened;
  const image = new ImageData(width, height);
  const colours = palette.map((colour, id) => (scene.view === "labels" && id === background ? [0, 0, 0] : visible(colour)));
  const shown = (id: number) => (scene.chosen.size === 0 ? id !== background : scene.chosen.has(id));
  for (let place = 0; place < ids.length; place++) {
    const id = ids[place]!;
    let [red, green, blue] = colours[id] as [number, number, number];
    let opacity = 115;
    if (scene.view === "cutout") {
      opacity = shown(id) ? 255 : 0;
    } else if (scene.view === "labels") {
      opacity = 255;
      if (scene.chosen.size > 0 && !shown(id)) [red, green, blue] = [20, 20, 24];
    } else if (scene.view === "confidence") {
      [red, green, blue] = ramp(confidence[place]! / 255);
      opacity = scene.chosen.size > 0 && !shown(id) ? 255 : 190;
      if (opacity === 255) [red, green, blue] = [20, 20, 24];
    } else if (!shown(id)) {
      [red, green, blue, opacity] = [20, 20, 24, scene.chosen.size > 0 ? 200 : 90];
    }
    const border =
      scene.view === "overlay" &&
      (((place + 1) % width !== 0 && ids[place + 1] !== id) || (place + width < ids.length && ids[place + width] !== id));
    if (border) [red, green, blue, opacity] = [255, 255, 255, 230];
    image.data.set([red, green, blue, opacity], 4 * place);
  }
  return image;
}

// From violet for 0 over blue and green to yellow for 1.
function ramp(share: number): [number, number, number] {
  const stops = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const place = Math.min(share, 0.9999) * (stops.length - 1);
  const [low, high] = [stops[Math.floor(place)]!, stops[Math.floor(place) + 1]!];
  const mix = (channel: number) => low[channel]! + (place % 1) * (high[channel]! - low[channel]!);
  return [mix(0), mix(1), mix(2)];
}

function stroke(context: CanvasRenderingContext2D, scene: Scene, scribble: Scribble): void {
  const scale = context.canvas.width / scene.opened.width;
  const colour = scene.opened.palette[scribble.class_id] ?? [255, 255, 255];
  context.save();
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  const [first, ...others] = scribble.points;
  context.moveTo(first![0] * scale, first![1] * scale);
  for (const [x, y] of others.length > 0 ? others : [first!]) context.lineTo(x * scale, y * scale);
  context.globalAlpha = 0.85;
  context.lineWidth = 2 * scribble.radius * scale;
  context.strokeStyle = scribble.more ? css(colour) : "#000";
  context.stroke();
  context.globalAlpha = 1;
  context.lineWidth = Math.max(2, scribble.radius * scale * 0.4);
  context.setLineDash(scribble.more ? [] : [8, 10]);
  context.strokeStyle = scribble.more ? "#fff" : css(colour);
  context.stroke();
  context.restore();
}

function crosshair(context: CanvasRenderingContext2D, scene: Scene, [x, y]: Place): void {
  const scale = context.canvas.width / scene.opened.width;
  const [column, row] = [(x + 0.5) * scale, (y + 0.5) * scale];
  for (const [colour, width] of [["#000", 4], ["#fff", 2]] as const) {
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(column, row, 9, 0, 2 * Math.PI);
    context.moveTo(column - 16, row);
    context.lineTo(column + 16, row);
    context.moveTo(column, row - 16);
    context.lineTo(column, row + 16);
    context.stroke();
  }
}
