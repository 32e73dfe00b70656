// Asks for the API key of the service.

import { Fault } from "./service";

export function askForKey(refused: boolean): Promise<string> {
  const dialog = document.getElementById("key-dialog") as HTMLDialogElement;
  const field = document.getElementById("key") as HTMLInputElement;
  document.getElementById("wrong-key")!.hidden = !refused;
  return new Promise((resolve, reject) => {
    dialog.addEventListener(
      "close",
      () => {
        if (dialog.returnValue === "use") resolve(field.value);
        else reject(new Fault(401, "this service needs its API key"));
      },
      { once: true },
    );
    if (dialog.open) return;
    dialog.returnValue = "";
    dialog.showModal();
    field.select();
  });
}
