// A photo that is open: what the browser shows of it, and its labels.

import { type Labels, Session } from "./service";
import { parameters } from "./sliders";
import { upright } from "./upright";

export interface Picture {
  session: Session;
  photo: ImageBitmap;
  name: string;
  before: Labels;
  after: Labels;
}

// With the parameters of the session's preset; null if it is no longer `wanted`. No session stays open for nothing.
export async function prepared(file: Blob, name: string, model: string, wanted: () => boolean): Promise<Picture | null> {
  const shown = upright(file).catch(() => null);
  const session = await Session.open(file, model); // which says what is wrong with a damaged file
  try {
    const photo = await shown;
    if (!wanted()) {
      session.close();
      return null;
    }
    if (photo === null) throw new Error("this browser cannot show such a file: choose a JPEG, PNG or WebP");
    const start = { ...parameters(session.opened.preset), scribbles: [] };
    const before = await session.labels({ ...start, iterations: 0 });
    return { session, photo, name, before, after: await session.labels(start) };
  } catch (fault) {
    session.close();
    throw fault;
  }
}
