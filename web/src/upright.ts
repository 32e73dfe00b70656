// The photo as the service sees it. Browsers turn JPEG by its EXIF orientation, WebP not everywhere: it is turned
// here, and its orientation removed, so that no browser turns it again.

const ORIENTATION = 0x112;

interface Found {
  orientation: number;
  place: number; // of the value, in bytes
  little: boolean;
}

export async function upright(file: Blob): Promise<ImageBitmap> {
  const plain = (blob: Blob) => createImageBitmap(blob, { imageOrientation: "from-image" });
  if (!isWebP(new DataView(await file.slice(0, 12).arrayBuffer()))) return plain(file);
  const content = new DataView(await file.arrayBuffer());
  const found = orientationIn(content);
  if (found === null) return plain(file);
  const { orientation, place, little } = found;
  content.setUint16(place, 1, little);
  const photo = await plain(new Blob([content.buffer as ArrayBuffer], { type: "image/webp" }));
  return orientation >= 2 && orientation <= 8 ? turned(photo, orientation) : photo;
}

function text(content: DataView, place: number, letters: number): string {
  return String.fromCharCode(...new Uint8Array(content.buffer, place, letters));
}

function isWebP(head: DataView): boolean {
  return head.byteLength === 12 && text(head, 0, 4) === "RIFF" && text(head, 8, 4) === "WEBP";
}

// In the first directory of the chunk EXIF.
function orientationIn(content: DataView): Found | null {
  try {
    for (let chunk = 12; chunk + 8 <= content.byteLength; ) {
      const size = content.getUint32(chunk + 4, true);
      if (text(content, chunk, 4) === "EXIF") return inDirectory(content, chunk + 8);
      chunk += 8 + size + (size % 2);
    }
  } catch (fault) {
    if (!(fault instanceof RangeError)) throw fault; // the chunk is cut off
  }
  return null;
}

function inDirectory(content: DataView, begin: number): Found | null {
  const start = text(content, begin, 4) === "Exif" ? begin + 6 : begin;
  const little = text(content, start, 2) === "II";
  const directory = start + content.getUint32(start + 4, little);
  for (let entry = 0; entry < content.getUint16(directory, little); entry++) {
    const place = directory + 2 + 12 * entry;
    if (content.getUint16(place, little) !== ORIENTATION) continue;
    return { orientation: content.getUint16(place + 8, little), place: place + 8, little };
  }
  return null;
}

// EXIF 2.32, section 4.6.4: which edges of the stored picture are the top and the left one.
function turned(photo: ImageBitmap, orientation: number): ImageBitmap {
  const { width, height } = photo;
  const moves: Record<number, [number, number, number, number, number, number]> = {
    2: [-1, 0, 0, 1, width, 0],
    3: [-1, 0, 0, -1, width, height],
    4: [1, 0, 0, -1, 0, height],
    5: [0, 1, 1, 0, 0, 0],
    6: [0, 1, -1, 0, height, 0],
    7: [0, -1, -1, 0, height, width],
    8: [0, -1, 1, 0, 0, width],
  };
  const canvas = orientation < 5 ? new OffscreenCanvas(width, height) : new OffscreenCanvas(height, width);
  const context = canvas.getContext("2d")!;
  context.setTransform(...moves[orientation]!);
  context.drawImage(photo, 0, 0);
  return canvas.transferToImageBitmap();
}
