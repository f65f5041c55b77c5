/**
 * A web host of its own for a test: a home folder and a state that nobody else uses, both gone afterwards.
 *
 * Invariant: nothing of the person's who runs the tests is read or written.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import type { CommandName, Commands } from "../../ui/src/api/generated/commands";

const project = fileURLToPath(new URL("../..", import.meta.url));
const START_MS = 30_000;

export interface Host {
  /** The address to open, with its token. */
  address: string;
  /** The person's folder. */
  home: string;
  documents: string;
  /** Where copies go. */
  copies: string;
  call: <Name extends CommandName>(command: Name, payload: Commands[Name]["request"]) => Promise<Commands[Name]["answer"]>;
  /** Runs to its end; answers how it ended. */
  finished: (jobId: string) => Promise<string>;
  stop: () => Promise<void>;
}

/** The host's program: as the environment says, or as a debug build leaves it. */
function program(): string {
  const path = process.env.KEEPWELL_WEB_BIN ?? join(project, "target", "debug", "keepwell-web");
  if (!existsSync(path)) throw new Error(`${path} is not there; build it with: cargo build -p keepwell-web`);
  return path;
}

/** The page as `npm run build:ui` leaves it: newer than what is compiled into the program. */
function page(): string {
  const folder = join(project, "dist");
  if (!existsSync(join(folder, "index.html"))) throw new Error("there is no page; build it with: npm run build:ui");
  return folder;
}

function addressSaidBy(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const give = setTimeout(() => reject(new Error(`the web host did not say its address:\n${said}`)), START_MS);
    const listen = (data: Buffer) => {
      said += data.toString();
      const match = /http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):\d+\S*/.exec(said);
      if (!match) return;
      clearTimeout(give);
      resolve(match[0]);
    };
    child.stdout?.on("data", listen);
    child.stderr?.on("data", listen);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the web host ended with ${code ?? "a signal"}:\n${said}`)));
  });
}

/** Files a person could have. */
function fillHome(home: string): void {
  const documents = join(home, "Documents");
  mkdirSync(join(documents, "letters"), { recursive: true });
  mkdirSync(join(documents, "accounts", "2026"), { recursive: true });
  mkdirSync(join(home, "Pictures"));
  mkdirSync(join(home, ".config"));
  writeFileSync(join(home, ".config", "user-dirs.dirs"), 'XDG_DOCUMENTS_DIR="$HOME/Documents"\nXDG_PICTURES_DIR="$HOME/Pictures"\n');
  writeFileSync(join(documents, "letters", "to-ada.txt"), "Dear Ada,\nthe roof is mended and the well is full.\n");
  writeFileSync(join(documents, "letters", "blåbær 100%.txt"), "A name beyond ASCII.\n");
  for (let month = 1; month <= 12; month += 1) {
    writeFileSync(join(documents, "accounts", "2026", `month-${month}.csv`), `day,amount\n1,${month * 10}\n`);
  }
  // One red pixel, the smallest picture there is to preview.
  const picture = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==";
  writeFileSync(join(home, "Pictures", "red.png"), Buffer.from(picture, "base64"));
}

export async function openHost(): Promise<Host> {
  const root = mkdtempSync(join(tmpdir(), "keepwell-ui-"));
  const home = join(root, "home");
  mkdirSync(home);
  fillHome(home);
  const child = spawn(program(), ["--port", "0", "--ui-dir", page()], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env.PATH, LANG: "C.UTF-8", HOME: home, USER: "ana", KEEPWELL_HOME: join(root, "state"), XDG_RUNTIME_DIR: root },
  });
  const address = await addressSaidBy(child);
  const { origin, hash, search } = new URL(address);
  const token = /token=([^&]+)/.exec(hash + search)?.[1] ?? "";

  const call: Host["call"] = async (command, payload) => {
    const response = await fetch(`${origin}/api/${command}`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${token}` },
      body: JSON.stringify(payload),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${command}: ${JSON.stringify(answer)}`);
    return answer as never;
  };
  const finished: Host["finished"] = async (jobId) => {
    let since: number | undefined;
    for (;;) {
      const job = await call("job.get", { jobId });
      if (job.finishedMs !== null) return job.state;
      since = (await call("job.changes", since === undefined ? {} : { since, waitMs: 5000 })).revision;
    }
  };
  const stop = async () => {
    if (child.exitCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill();
      await ended;
    }
    rmSync(root, { recursive: true, force: true });
  };
  return { address, home, documents: join(home, "Documents"), copies: join(root, "drive", "keepwell"), call, finished, stop };
}

/** A host with a plan, its first snapshot, a change and a second one. */
export async function openFilledHost(): Promise<Host & { planId: string; placeId: string; jobId: string }> {
  const host = await openHost();
  const started = await host.call("firstRun.start", {
    sources: [host.documents, join(host.home, "Pictures")],
    destination: host.copies,
    schedule: { kind: "daily", atMinutes: 720 },
    placeLabel: "USB drive",
    planName: "Everything that matters",
  });
  await host.finished(started.jobId);
  writeFileSync(join(host.documents, "letters", "to-ada.txt"), "Dear Ada,\nthe roof leaks again.\n");
  writeFileSync(join(host.documents, "letters", "to-bo.txt"), "Dear Bo,\n");
  const second = await host.call("plan.run", { planId: started.planId });
  await host.finished(second.jobId);
  return { ...host, planId: started.planId, placeId: started.placeId, jobId: second.jobId };
}
