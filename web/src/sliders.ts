// The four numbers of the CRF. Widths move on a logarithmic scale.

import type { Change, Preset } from "./service";

export type Numbers = Pick<Change, "w1" | "theta_alpha" | "theta_beta" | "iterations">;
type Name = keyof Numbers;

interface Form {
  name: Name;
  title: string;
  says: string;
  low: number;
  high: number;
  logarithmic: boolean;
  whole: boolean;
}

const FORMS: Form[] = [
  { name: "w1", title: "w1", says: "weight: how strongly pixels of like colours agree", low: 0, high: 30, logarithmic: false, whole: false },
  { name: "theta_alpha", title: "theta_alpha", says: "reach in pixels", low: 1, high: 200, logarithmic: true, whole: false },
  { name: "theta_beta", title: "theta_beta", says: "how far colours may differ, in grey levels", low: 1, high: 60, logarithmic: true, whole: false },
  { name: "iterations", title: "iterations", says: "steps of mean field; 0 shows the net's labels", low: 0, high: 20, logarithmic: false, whole: true },
];
const STEPS = 200;

export function parameters({ w1, theta_alpha, theta_beta, iterations }: Preset): Numbers {
  return { w1, theta_alpha, theta_beta, iterations };
}

function rounded(value: number, whole: boolean): number {
  return whole ? Math.round(value) : Number(value.toPrecision(value < 10 ? 2 : 3));
}

export class Sliders {
  private readonly inputs = new Map<Name, { form: Form; input: HTMLInputElement; output: HTMLOutputElement }>();
  values: Numbers = { w1: 5, theta_alpha: 67, theta_beta: 3, iterations: 10 };

  constructor(parent: HTMLElement, private readonly changed: () => void) {
    for (const form of FORMS) {
      const label = document.createElement("label");
      const title = document.createElement("span");
      const output = document.createElement("output");
      const input = document.createElement("input");
      const says = document.createElement("small");
      label.className = "slider";
      label.htmlFor = form.name; // or else it would be that of the output, which comes first
      title.textContent = form.title;
      says.textContent = form.says;
      Object.assign(input, { type: "range", id: form.name, min: "0", max: String(form.whole ? form.high : STEPS), step: "1" });
      input.addEventListener("input", () => {
        this.values = { ...this.values, [form.name]: this.valueOf(form, Number(input.value)) };
        this.show();
        this.changed();
      });
      label.append(title, output, input, says);
      parent.append(label);
      this.inputs.set(form.name, { form, input, output });
    }
    this.show();
  }

  start(preset: Preset): void {
    this.values = parameters(preset);
    this.show();
  }

  step(count: number): void {
    const { high } = FORMS[3]!;
    this.values.iterations = Math.max(0, Math.min(high, this.values.iterations + count));
    this.show();
    this.changed();
  }

  private valueOf(form: Form, place: number): number {
    if (form.whole) return place;
    const share = place / STEPS;
    const value = form.logarithmic ? form.low * (form.high / form.low) ** share : form.low + share * (form.high - form.low);
    return rounded(value, false);
  }

  private placeOf(form: Form, value: number): number {
    if (form.whole) return value;
    const share = form.logarithmic
      ? Math.log(value / form.low) / Math.log(form.high / form.low)
      : (value - form.low) / (form.high - form.low);
    return Math.round(STEPS * share);
  }

  private show(): void {
    for (const [name, { form, input, output }] of this.inputs) {
      const value = this.values[name];
      if (Number(input.value) !== this.placeOf(form, value)) input.value = String(this.placeOf(form, value));
      output.value = String(value);
      input.setAttribute("aria-valuetext", `${value}`);
    }
  }
}
