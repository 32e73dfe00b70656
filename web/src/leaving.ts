// Ways out of the page: a file, the clipboard.

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

// Over http, pages of other machines have no navigator.clipboard.
export async function copy(source: HTMLElement): Promise<void> {
  if (window.isSecureContext) return navigator.clipboard.writeText(source.textContent ?? "");
  window.getSelection()?.selectAllChildren(source);
  if (!document.execCommand("copy")) throw new Error("this browser does not let the page copy: press Ctrl+C, the text is selected");
}
