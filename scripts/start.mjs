// `npm start`: from a fresh clone to an open window.
//
//   npm start                 builds what is out of date and opens the app
//   npm start -- --release    the same with the optimised build (several minutes longer the first time)
//
// Why not the optimised build at once: it costs a new user ten minutes before anything is seen. What would be slow
// without optimisation (hashing, ciphers, compression, the repository itself) is optimised in the ordinary profile
// too, and `npm test` uses the very same build.
import { spawn } from "node:child_process";

import { CommandFailed, project, run } from "./lib/run.mjs";
import { bold, dim, duration, green, red, say } from "./lib/say.mjs";
import { built, npmPackages, page, rust } from "./lib/setup.mjs";
import { hasDisplay, Missing, systemPackages } from "./lib/system.mjs";

const release = process.argv.includes("--release");
const profile = release ? "release" : "debug";
const window = hasDisplay();

/** Builds with cargo; the whole workspace, so that the next `npm test` finds everything compiled already. */
function cargo(...args) {
  return run("cargo-build", "cargo", ["build", ...args, ...(release ? ["--release"] : [])], { live: true });
}

const steps = window
  ? [
      ["Rust", rust],
      ["System libraries", () => systemPackages(["compiler", "build"])],
      ["Front-end packages", npmPackages],
      ["The window's page", page],
      ["The program (a few minutes the first time)", () => cargo("--workspace", "--bins")],
    ]
  : [
      ["Rust", rust],
      ["System libraries", () => systemPackages(["compiler"])],
      ["The command line (a few minutes the first time)", () => cargo("--package", "keepwell-cli")],
    ];

/** Hands the terminal over to a program; ends with its code. */
function handOver(program, args) {
  const child = spawn(program, args, { cwd: project, stdio: "inherit" });
  child.on("error", (error) => {
    say(red(`${program} can not be started: ${error.message}`));
    process.exitCode = 1;
  });
  child.on("close", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
  });
  // Ctrl-C reaches the program itself; this script waits for it to end in order.
  process.on("SIGINT", () => {});
}

async function main() {
  if (!window) {
    say("There is no display here, so no window can be opened.");
    say(`Instead, ${bold("keepwell tour")} makes a real run on a sample folder. (\`keepwell --help\` shows the rest.)\n`);
  }
  const started = Date.now();
  for (const [index, [name, work]] of steps.entries()) {
    const begun = Date.now();
    say(`${dim(`[${index + 1}/${steps.length}]`)} ${name}`);
    const told = await work();
    const note = typeof told === "string" && told.length > 0 && !told.includes("\n") ? `${told}, ` : "";
    say(`      ${green("ok")} ${dim(`${note}${duration(Date.now() - begun)}`)}`);
  }
  say(dim(`Ready after ${duration(Date.now() - started)}.`));
  say();
  if (window) {
    say(`Opening Keepwell. The command line is ${built("keepwell", profile)}`);
    handOver(built("keepwell-desktop", profile), []);
  } else {
    handOver(built("keepwell", profile), ["tour"]);
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof Missing || error instanceof CommandFailed)) throw error;
  say(`      ${red("stopped")}: ${error.message}`);
  process.exitCode = 1;
}
