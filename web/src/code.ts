// The command line and the Python lines that give the page's result.

import type { Change, Preset } from "./service";

export const PRESET_FILE = "page.json";
const BUNDLED = ["default", "street"];

export interface Wanted {
  model: string;
  file: string;
  preset: Preset;
  change: Change;
  cutout: boolean; // whether the model has a background to leave out
}

function kinds({ cutout }: Wanted): string[] {
  return cutout ? ["mask", "overlay", "cutout"] : ["mask", "overlay"];
}

function quoted(text: string): string {
  return /^[\w.,/-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

function changed({ preset, change }: Wanted): Preset {
  const { w1, theta_alpha, theta_beta, iterations } = change;
  return { ...preset, w1, theta_alpha, theta_beta, iterations };
}

export function presetText(wanted: Wanted): string {
  const named = { ...changed(wanted), name: "page", source: "chosen on the page of pixelwise serve" };
  return `${JSON.stringify({ format: 1, ...named }, null, 2)}\n`;
}

export function command(wanted: Wanted): string {
  const file = wanted.file.startsWith("-") ? `./${wanted.file}` : wanted.file; // or else it would be an option
  const parts = ["pixelwise segment", quoted(file)];
  if (wanted.model !== "default") parts.push("--model", quoted(wanted.model));
  if (wanted.change.iterations > 0) parts.push("--crf-preset", PRESET_FILE);
  if (wanted.change.only?.length) parts.push("--only", quoted(wanted.change.only.join(",")));
  parts.push(`--save ${kinds(wanted).join(",")}`);
  return parts.join(" ");
}

// What the lines cannot say. It is not a part of them: not every shell takes comments.
export function remark({ model, change }: Wanted): string {
  return [
    ...(BUNDLED.includes(model) ? [] : [`In the lines below, write the path of the model in place of ${model}.`]),
    ...(change.scribbles.length > 0 ? ["The lines below do not have the strokes of the pen, which only the page knows."] : []),
  ].join(" ");
}

export function python(wanted: Wanted): string {
  const { w1, theta_alpha, theta_beta, w2, theta_gamma, iterations, normalization } = changed(wanted);
  const lines = ["import pixelwise"];
  let crf = "";
  if (iterations > 0) {
    lines.push(
      "from pixelwise.crf import Preset",
      "",
      "preset = Preset(",
      '    "page", "chosen on the page",',
      `    w1=${w1}, theta_alpha=${theta_alpha}, theta_beta=${theta_beta}, w2=${w2}, theta_gamma=${theta_gamma},`,
      `    iterations=${iterations}, normalization="${normalization}",`,
      ")",
    );
    crf = ", crf=preset";
  } else lines.push("");
  lines.push(`predictor = pixelwise.load(${JSON.stringify(wanted.model)}${crf})`);
  lines.push(`result = predictor(${JSON.stringify(wanted.file)})`);
  if (wanted.change.only?.length) {
    lines.splice(1, 0, "from pixelwise.inference import Cleaning");
    lines.push(`result = result.cleaned(Cleaning(only=(${wanted.change.only.map((name) => `${JSON.stringify(name)},`).join(" ")})))`);
  }
  lines.push(`result.save("result", [${kinds(wanted).map((kind) => JSON.stringify(kind)).join(", ")}])`);
  return lines.join("\n");
}
