// The page: a photo, its labels, and a CRF that follows the sliders and the pen.

import { command, presetText, PRESET_FILE, python, remark, type Wanted } from "./code";
import { found, percent, showClasses } from "./classes";
import { draw, fit, type Place, type Scene, type View } from "./drawing";
import { listenForFiles } from "./files";
import { askForKey } from "./key";
import { copy, save } from "./leaving";
import { listen } from "./pen";
import { type Picture, prepared } from "./picture";
import { type Change, models, MOST_SCRIBBLES, onKeyNeeded, request, type Scribble } from "./service";
import { Sliders } from "./sliders";

const element = <Kind extends HTMLElement>(id: string) => document.getElementById(id) as Kind;
const canvas = element<HTMLCanvasElement>("canvas");
const status = element("status");
const readout = element<HTMLOutputElement>("readout");
const modelChoice = element<HTMLSelectElement>("model");
const sliders = new Sliders(element("sliders"), () => void refresh());

let picture: Picture | null = null;
let scribbles: Scribble[] = [];
let sketched: Scribble | null = null;
let chosen = new Set<number>();
let cursor: Place | null = null;
let playing: number | null = null;

function change(): Change {
  return { ...sliders.values, scribbles };
}

// A class can only be kept alone where the others can become background.
function withOnly(): Change {
  if (picture!.session.opened.background === null) return change();
  const names = [...chosen].map((id) => picture!.session.opened.classes[id]!);
  return names.length > 0 ? { ...change(), only: names } : change();
}

// Faults of a job that is no longer `current` are not shown.
async function attempt(what: string, job: () => Promise<void>, current = () => true): Promise<void> {
  status.textContent = what;
  status.classList.remove("fault");
  try {
    await job();
    if (current() && status.textContent === what) status.textContent = "";
  } catch (fault) {
    if (current()) complain(fault instanceof Error ? fault.message : String(fault));
  }
}

function complain(text: string): void {
  status.textContent = text;
  status.classList.add("fault");
}

// Pictures

let opening = 0;
let sent: { file: Blob; name: string } | null = null; // while it is opened

async function open(file: Blob, name: string): Promise<void> {
  const turn = ++opening;
  const current = () => turn === opening;
  stop();
  sent = { file, name };
  document.body.classList.add("busy");
  await attempt(
    "Segmenting ...",
    async () => {
      await offerModels();
      const next = await prepared(file, name, modelChoice.value, current);
      if (next === null) return;
      if (!current()) return next.session.close();
      picture?.session.close();
      picture = next;
      sliders.start(next.session.opened.preset);
      scribbles = [];
      chosen = new Set();
      cursor = null;
      element<HTMLInputElement>("compare").value = "0";
      element("drop").hidden = true;
      element("work").hidden = element("panel").hidden = element("code").hidden = false;
      fit(canvas, next.photo);
      offerClasses();
      offerFiles();
      show();
      canvas.focus({ preventScroll: true });
      status.textContent = next.session.opened.notes.join("; ");
    },
    current,
  );
  if (current()) opened();
}

function opened(): void {
  sent = null;
  document.body.classList.remove("busy");
}

function offerClasses(): void {
  const { opened } = picture!.session;
  const choice = element<HTMLSelectElement>("pen-class");
  const present = found(picture!.after).map(({ id }) => id);
  const ids = [...new Set([...present, ...opened.classes.keys()])];
  choice.replaceChildren(...ids.map((id) => new Option(opened.classes[id], String(id))));
  const first = ids.find((id) => id !== opened.background);
  if (first !== undefined) choice.value = String(first);
}

function offerFiles(): void {
  const whole = picture!.session.opened.background === null;
  element<HTMLButtonElement>("cutout").disabled = whole;
  element("isolating").textContent = whole
    ? "Click a class to isolate it here. Files hold all classes, and there is no cutout: this model has no background class."
    : "Click a class to isolate it; files then hold only this class.";
}

// Redrawing: one request at a time; what has changed meanwhile is asked for when it is answered.

let asking = false;
let stale = false;

async function refresh(): Promise<void> {
  showCode();
  stale = true;
  if (asking || picture === null) return;
  asking = true;
  await attempt("", async () => {
    while (stale && picture !== null) {
      stale = false;
      const now = picture;
      const began = performance.now();
      const after = await now.session.labels(change());
      if (picture !== now) continue;
      now.after = after;
      element<HTMLOutputElement>("time").value = `${Math.round(performance.now() - began)} ms`;
      show();
    }
  });
  asking = false;
}

function show(): void {
  if (picture === null) return;
  paint();
  showClasses(element("classes"), found(picture.after), picture.session.opened, chosen, isolate);
  for (const id of ["undo", "clear"]) element<HTMLButtonElement>(id).disabled = scribbles.length === 0;
  showCode();
}

// The canvas alone. While the pointer or the focus moves, no button may be replaced: it would lose a click.
function paint(): void {
  if (picture === null) return;
  const checked = document.querySelector<HTMLInputElement>("input[name=view]:checked");
  const scene: Scene = {
    photo: picture.photo,
    opened: picture.session.opened,
    before: picture.before,
    after: picture.after,
    view: (checked?.value ?? "overlay") as View,
    divided: Number(element<HTMLInputElement>("compare").value) / 100,
    chosen,
    scribbles: sketched === null ? scribbles : [...scribbles, sketched],
    cursor,
  };
  draw(canvas, scene);
  element("frame").classList.toggle("checked", scene.view === "cutout");
}

function isolate(id: number): void {
  if (!chosen.delete(id)) chosen.add(id);
  show();
}

function wanted(): Wanted {
  const { session, name } = picture!;
  const { model, preset, background } = session.opened;
  return { model, file: name, preset, change: withOnly(), cutout: background !== null };
}

function showCode(): void {
  if (picture === null) return;
  element("command").textContent = command(wanted());
  element("python").textContent = python(wanted());
  element("remark").textContent = remark(wanted());
}

// The picture under the pointer

listen(canvas, {
  size: () => picture && { width: picture.session.opened.width, height: picture.session.opened.height },
  pen: () => ({
    mode: document.querySelector<HTMLInputElement>("input[name=pen]:checked")?.value ?? "look",
    classId: Number(element<HTMLSelectElement>("pen-class").value),
    radius: Number(element<HTMLInputElement>("pen-width").value) / 2,
  }),
  look: (place, byKeyboard) => {
    if (picture === null) return;
    readout.value = place === null ? "Point at the picture" : described(place);
    if (byKeyboard || cursor !== null) {
      cursor = byKeyboard ? place : null;
      paint();
    }
  },
  pick: (place) => {
    isolate(at(place).id);
    readout.value = described(place);
  },
  sketch: (scribble) => {
    sketched = scribble;
    paint();
  },
  finish: (scribble) => {
    sketched = null;
    if (scribbles.length === MOST_SCRIBBLES) {
      paint();
      complain(`The service takes at most ${MOST_SCRIBBLES} strokes. Undo some first.`);
      return;
    }
    setScribbles([...scribbles, scribble]);
  },
});

function at([x, y]: Place): { id: number; confidence: number } {
  const { session, before, after } = picture!;
  const { width } = session.opened;
  const divided = Number(element<HTMLInputElement>("compare").value) / 100;
  const labels = x < divided * width ? before : after;
  const place = Math.floor(y) * width + Math.floor(x);
  return { id: labels.ids[place]!, confidence: labels.confidence[place]! / 255 };
}

function described(place: Place): string {
  const { id, confidence } = at(place);
  return `${picture!.session.opened.classes[id]}, ${percent(confidence)} sure`;
}

// Controls

for (const name of ["view", "compare"]) element(name).addEventListener("input", paint);
element("pen").addEventListener("input", () => {
  const checked = document.querySelector<HTMLInputElement>("input[name=pen]:checked");
  canvas.classList.toggle("pen", checked?.value !== "look");
});
element("undo").addEventListener("click", () => setScribbles(scribbles.slice(0, -1)));
element("clear").addEventListener("click", () => setScribbles([]));
element("back").addEventListener("click", () => sliders.step(-1));
element("forward").addEventListener("click", () => sliders.step(1));
element("reset").addEventListener("click", () => {
  stop();
  if (picture !== null) sliders.start(picture.session.opened.preset);
  void refresh();
});
element("play").addEventListener("click", () => (playing === null ? play() : stop()));

function setScribbles(next: Scribble[]): void {
  scribbles = next;
  show();
  void refresh();
}

// Mean field from its beginning to as many iterations as were chosen, a step at a time.
function play(): void {
  const last = Math.max(1, sliders.values.iterations);
  sliders.step(-sliders.values.iterations);
  element("play").textContent = "Stop";
  playing = window.setInterval(() => {
    if (asking) return;
    sliders.step(1);
    if (sliders.values.iterations >= last) stop();
  }, 350);
}

function stop(): void {
  if (playing !== null) window.clearInterval(playing);
  playing = null;
  element("play").textContent = "Play";
}

function stem(): string {
  return picture!.name.replace(/\.[^.]*$/, "");
}

for (const button of document.querySelectorAll<HTMLButtonElement>("#downloads [data-accept]")) {
  button.addEventListener("click", () =>
    attempt("Preparing the file ...", async () => {
      const { accept, name } = button.dataset;
      const wish = { ...withOnly(), name: picture!.name };
      save(await picture!.session.download(wish, accept!), `${stem()}${name}`);
    }),
  );
}
element("preset-file").addEventListener("click", () =>
  save(new Blob([presetText(wanted())], { type: "application/json" }), PRESET_FILE),
);
for (const button of document.querySelectorAll<HTMLButtonElement>(".copy")) {
  button.addEventListener("click", () =>
    attempt("", async () => {
      await copy(element(button.dataset.from!));
      button.textContent = "Copied";
      window.setTimeout(() => (button.textContent = "Copy"), 1500);
    }),
  );
}

// Photos

listenForFiles((file, name) => void open(file, name));
element("examples").addEventListener("click", (event) => {
  const button = (event.target as HTMLElement).closest("button");
  const name = button?.dataset.name;
  if (name === undefined) return;
  void attempt("", async () => open(await (await request(`/static/examples/${name}`)).blob(), name));
});
element("another").addEventListener("click", () => {
  opening++; // whatever is being opened is not shown
  opened();
  stop();
  element("drop").hidden = false;
  element("work").hidden = element("panel").hidden = element("code").hidden = true;
  status.textContent = "";
  element("file").focus();
});
modelChoice.addEventListener("change", () => {
  const shown = picture === null || element("work").hidden ? null : { file: picture.session.file, name: picture.name };
  const again = sent ?? shown;
  if (again !== null) void open(again.file, again.name);
});
window.addEventListener("pagehide", () => picture?.session.close());

onKeyNeeded(askForKey);
let offered: Promise<void> | null = null;

function offerModels(): Promise<void> {
  offered ??= models()
    .then((known) => modelChoice.replaceChildren(...known.map(({ name }) => new Option(name, name))))
    .catch((fault) => {
      offered = null;
      throw fault;
    });
  return offered;
}

void attempt("", offerModels);
