/**
 * What only the Tauri shell can do, and what stands in for it in a browser.
 *
 * The shell offers four commands: `call` (transport.ts), `subscribe`, `choose_folder` and `save_text`. Deliberately not
 * here: anything that reads or writes files of the person; that is the engine's.
 */
import { Channel, invoke } from "@tauri-apps/api/core";

import { type JobChanges, type PathText } from "./generated";
import { insideShell, toFailure, type Failure } from "./transport";

/** Has every change of jobs sent, the whole picture first. */
export function subscribeThroughShell(onChanges: (changes: JobChanges) => void, onLost: (failure: Failure) => void): void {
  const channel = new Channel<JobChanges>();
  channel.onmessage = onChanges;
  invoke("subscribe", { channel }).catch((thrown: unknown) => onLost(toFailure(thrown)));
}

/** Whether the system's own folder picker is there. */
export const hasFolderPicker = insideShell;

/** The folder a person chose in the system's own picker; nothing if they did not. */
export async function chooseFolder(title: string): Promise<PathText | undefined> {
  try {
    return (await invoke<PathText | null>("choose_folder", { title })) ?? undefined;
  } catch (thrown) {
    throw toFailure(thrown);
  }
}

/** Offers a text as a file to save: the system's own dialog, or the browser's way. Says whether it was saved. */
export async function saveText(fileName: string, text: string, mediaType = "text/plain"): Promise<boolean> {
  if (insideShell) {
    try {
      return await invoke<boolean>("save_text", { fileName, text });
    } catch (thrown) {
      throw toFailure(thrown);
    }
  }
  const address = URL.createObjectURL(new Blob([text], { type: mediaType }));
  const link = document.createElement("a");
  link.href = address;
  link.download = fileName;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return true;
}
