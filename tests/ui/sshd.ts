/** A real OpenSSH server of a test's own, whose key nobody accepted yet; everything of it lies in one folder. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";

const START_TRIES = 200;

export interface SshServer {
  /** The address of a folder on it. */
  address: (name: string) => string;
  /** Where that folder really lies. */
  folder: (name: string) => string;
  fingerprint: () => string;
  /** The server is set up anew: it shows another key. */
  changeKey: () => Promise<void>;
  stop: () => Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("data", (data) => {
      resolve(data.toString().startsWith("SSH-"));
      socket.destroy();
    });
    socket.once("error", () => resolve(false));
  });
}

function makeKey(path: string): void {
  rmSync(path, { force: true });
  rmSync(`${path}.pub`, { force: true });
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path]);
}

/** Everything a process started, and what that started: connections are processes of their own. */
function startedBy(pid: number): number[] {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid="]).toString().split("\n");
  const pairs = rows.map((row) => row.trim().split(/\s+/).map(Number));
  const found = [pid];
  // What is found on the way is looked at too: the loop sees what is pushed.
  for (const from of found) {
    for (const [child, parent] of pairs) if (parent === from && child !== undefined) found.push(child);
  }
  return found.slice(1);
}

/** Starts a server that lets in whoever has the key put into this home folder. */
export async function startSshServer(home: string): Promise<SshServer> {
  const root = mkdtempSync(join(tmpdir(), "keepwell-sshd-"));
  const port = await freePort();
  makeKey(join(root, "host_key"));
  makeKey(join(root, "user_key"));
  copyFileSync(join(root, "user_key.pub"), join(root, "authorized_keys"));
  mkdirSync(join(home, ".ssh"), { recursive: true });
  copyFileSync(join(root, "user_key"), join(home, ".ssh", "id_ed25519"));
  writeFileSync(
    join(root, "config"),
    [
      `Port ${port}`,
      "ListenAddress 127.0.0.1",
      `HostKey ${root}/host_key`,
      "PidFile none",
      `AuthorizedKeysFile ${root}/authorized_keys`,
      "StrictModes no",
      "UsePAM no",
      "PermitRootLogin yes",
      "MaxStartups 100",
      "UseDNS no",
      "Subsystem sftp internal-sftp",
      "",
    ].join("\n"),
  );
  let child: ChildProcess | undefined;
  const end = async () => {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child?.once("exit", resolve));
    const connections = startedBy(child.pid ?? 0);
    child.kill("SIGKILL");
    await ended;
    for (const pid of connections) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  };
  const start = async () => {
    // As root it insists on this folder, which the system's own service would make.
    if (userInfo().uid === 0) mkdirSync("/run/sshd", { recursive: true });
    child = spawn("/usr/sbin/sshd", ["-D", "-e", "-f", join(root, "config")], { stdio: "ignore" });
    for (let attempt = 0; attempt < START_TRIES; attempt += 1) {
      if (await answers(port)) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error("OpenSSH's server does not answer; is openssh-server installed?");
  };
  await start();
  return {
    address: (name) => `sftp://${userInfo().username}@127.0.0.1:${port}${join(root, name)}`,
    folder: (name) => join(root, name),
    fingerprint: () => execFileSync("ssh-keygen", ["-lf", join(root, "host_key.pub")]).toString().split(" ")[1] ?? "",
    changeKey: async () => {
      await end();
      makeKey(join(root, "host_key"));
      await start();
    },
    stop: async () => {
      await end();
      rmSync(root, { recursive: true, force: true });
    },
  };
}
