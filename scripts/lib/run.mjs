// Runs commands for the scripts. On a terminal a long one shows its own progress; elsewhere its output is kept, a line
// every half minute says that it is alive, and the output is shown when it fails. Nothing ever reads standard input.
import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { dim, duration, red, say } from "./say.mjs";

export const project = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const logs = join(project, "artifacts", "logs");
const shownOnFailure = 400;

/** A command that did not end with 0. Its output has been shown already. */
export class CommandFailed extends Error {}

/**
 * Runs a command and waits for it. `name` names its log in artifacts/logs. With `live`, a terminal sees the output as
 * it comes.
 */
export async function run(name, command, args, { env = {}, cwd = project, live = false } = {}) {
  const inherit = live && process.stdout.isTTY;
  mkdirSync(logs, { recursive: true });
  const started = Date.now();
  const child = spawn(command, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: inherit ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
  });
  const kept = [];
  if (!inherit) {
    const log = createWriteStream(join(logs, `${name}.log`));
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (data) => {
        kept.push(data);
        log.write(data);
      });
    }
    child.on("close", () => log.end());
  }
  const alive = setInterval(() => {
    if (!inherit) say(dim(`    … ${lastLine(kept) || name} (${duration(Date.now() - started)})`));
  }, 30_000);
  const ended = await new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? null : signal ? `ended by ${signal}` : `exit code ${code}`));
  });
  clearInterval(alive);
  const output = Buffer.concat(kept).toString("utf8");
  if (ended === null) return output;
  if (!inherit) showOutput(output);
  throw new CommandFailed(`${command} ${args.join(" ")}: ${ended}`);
}

function showOutput(output) {
  // What cargo compiled on the way there only hides what went wrong.
  const lines = output.trimEnd().split("\n").filter((line) => !/^\s+(Checking|Compiling|Downloaded|Locking|Adding) /.test(line));
  if (lines.length > shownOnFailure) say(dim(`    (the last ${shownOnFailure} of ${lines.length} lines; all are in artifacts/logs)`));
  for (const line of lines.slice(-shownOnFailure)) say(`    ${red("|")} ${line}`);
}

function lastLine(kept) {
  const tail = kept.slice(-3).map(String).join("").trimEnd();
  return tail.slice(tail.lastIndexOf("\n") + 1).trim().slice(0, 100);
}

/** Asks a command something short; `null` if it can not be run or fails. */
export function ask(command, args) {
  const result = spawnSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  return result.status === 0 ? result.stdout : null;
}
