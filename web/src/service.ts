// What the page asks of the service. A request that finds all places taken is sent again; a session that has
// ended is opened again.

export interface Model {
  name: string;
  classes: string[];
  palette: [number, number, number][];
  background: number | null;
}

export interface Preset {
  w1: number;
  theta_alpha: number;
  theta_beta: number;
  w2: number;
  theta_gamma: number;
  iterations: number;
  normalization: string;
}

export interface Opened extends Model {
  session: string;
  model: string;
  width: number;
  height: number;
  picture: { width: number; height: number };
  preset: Preset;
  notes: string[];
}

export interface Scribble {
  class_id: number;
  more: boolean;
  radius: number;
  points: [number, number][];
}

// As many as the service takes.
export const MOST_SCRIBBLES = 100;

export interface Change {
  w1: number;
  theta_alpha: number;
  theta_beta: number;
  iterations: number;
  scribbles: Scribble[];
  only?: string[];
  name?: string;
}

export interface Labels {
  ids: Uint8Array;
  confidence: Uint8Array;
}

export class Fault extends Error {
  constructor(readonly status: number, message: string) {
    super(message);
  }
}

const PIXELS = "application/octet-stream";
const TRIES = 20;
const NO_ANSWER = 0;

let key: string | null = null;
let askForKey: (refused: boolean) => Promise<string> = () => Promise.reject(new Fault(401, "an API key is needed"));

export function onKeyNeeded(ask: (refused: boolean) => Promise<string>): void {
  askForKey = ask;
}

export async function request(path: string, options: RequestInit = {}): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    const headers = new Headers(options.headers);
    const used = key;
    if (used !== null) headers.set("Authorization", `Bearer ${used}`);
    const answer = await fetch(path, { ...options, headers }).catch(() => {
      throw new Fault(NO_ANSWER, "the service does not answer: is it still running?");
    });
    if (answer.ok) return answer;
    if (answer.status === 401) {
      if (key === used) key = await askForKey(used !== null); // or else it was asked for meanwhile
      continue;
    }
    if ((answer.status === 429 || answer.status === 503) && attempt < TRIES) {
      const seconds = Number(answer.headers.get("Retry-After") ?? 1);
      await new Promise((done) => setTimeout(done, 1000 * seconds));
      continue;
    }
    const said = await answer.json().catch(() => ({ error: `the service answered ${answer.status}` }));
    throw new Fault(answer.status, said.hint ? `${said.error}: ${said.hint}` : said.error);
  }
}

export async function models(): Promise<Model[]> {
  return (await request("/v1/models")).json();
}

export class Session {
  private constructor(readonly file: Blob, public opened: Opened) {}

  static async open(file: Blob, model: string): Promise<Session> {
    return new Session(file, await Session.start(file, model));
  }

  private static async start(file: Blob, model: string): Promise<Opened> {
    await file.slice(0, 1).arrayBuffer().catch(() => {
      throw new Fault(NO_ANSWER, "the browser cannot read this file: it is a folder, or was changed or removed since it was chosen");
    });
    const type = file.type.startsWith("image/") ? file.type : PIXELS;
    const path = `/v1/sessions?model=${encodeURIComponent(model)}`;
    const answer = await request(path, { method: "POST", body: file, headers: { "Content-Type": type } });
    return answer.json();
  }

  async labels(change: Change): Promise<Labels> {
    const answer = await this.result(change, PIXELS);
    const bytes = new Uint8Array(await answer.arrayBuffer());
    const count = bytes.length / 2;
    return { ids: bytes.subarray(0, count), confidence: bytes.subarray(count) };
  }

  async download(change: Change, accept: string): Promise<Blob> {
    return (await this.result(change, accept)).blob();
  }

  close(): void {
    void request(`/v1/sessions/${this.opened.session}`, { method: "DELETE", keepalive: true }).catch(() => {});
  }

  private async result(change: Change, accept: string): Promise<Response> {
    const send = () =>
      request(`/v1/sessions/${this.opened.session}/result`, {
        method: "POST",
        body: JSON.stringify(change),
        headers: { "Content-Type": "application/json", Accept: accept },
      });
    try {
      return await send();
    } catch (fault) {
      if (!(fault instanceof Fault) || fault.status !== 404) throw fault;
      this.opened = await Session.start(this.file, this.opened.model);
      return send();
    }
  }
}
