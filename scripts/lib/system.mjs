// What Keepwell needs from the operating system, and how to get it: through the system's own package manager when we
// have the right to use it, otherwise as one line to paste.
import { run, ask, CommandFailed } from "./run.mjs";

/**
 * Names of packages, by package manager. `build` opens the window, `test` adds what drives and watches it. Where the
 * name of the package that holds WebKit's driver differs between releases, the program itself is asked for. Only the
 * names for apt are tried in every test run; the others are from the distributions' own lists.
 */
const packages = {
  apt: {
    compiler: ["build-essential", "pkg-config"],
    build: ["libwebkit2gtk-4.1-dev", "libdbus-1-dev", "libayatana-appindicator3-1", "librsvg2-2", "fonts-dejavu-core"],
    test: [
      "webkit2gtk-driver",
      "xvfb",
      "xauth",
      "dbus",
      "gnome-keyring",
      "chromium",
      "imagemagick",
      "python3-venv",
      "acl",
      "apache2-bin",
      "attr",
      "e2fsprogs",
      "exfat-fuse",
      "exfatprogs",
      "fonts-inter",
      "fonts-liberation",
      "ntfs-3g",
      "openssh-client",
      "openssh-server",
      "procps",
      "rclone",
    ],
  },
  dnf: {
    compiler: ["gcc", "gcc-c++", "make", "pkgconf-pkg-config"],
    build: ["webkit2gtk4.1-devel", "dbus-devel", "libayatana-appindicator-gtk3", "librsvg2", "dejavu-sans-fonts"],
    test: [
      "/usr/bin/WebKitWebDriver",
      "xorg-x11-server-Xvfb",
      "xorg-x11-xauth",
      "dbus-daemon",
      "gnome-keyring",
      "chromium",
      "ImageMagick",
      "python3",
      "acl",
      "httpd",
      "attr",
      "e2fsprogs",
      "exfatprogs",
      "rsms-inter-fonts",
      "liberation-fonts",
      "ntfs-3g",
      "ntfsprogs",
      "openssh-clients",
      "openssh-server",
      "procps-ng",
      "rclone",
    ],
  },
  pacman: {
    compiler: ["base-devel"],
    build: ["webkit2gtk-4.1", "libayatana-appindicator", "librsvg", "ttf-dejavu"],
    test: [
      "webkitgtk-6.0",
      "xorg-server-xvfb",
      "xorg-xauth",
      "dbus",
      "gnome-keyring",
      "chromium",
      "imagemagick",
      "python",
      "acl",
      "apache",
      "attr",
      "e2fsprogs",
      "exfatprogs",
      "inter-font",
      "ttf-liberation",
      "ntfs-3g",
      "openssh",
      "procps-ng",
      "rclone",
    ],
  },
  zypper: {
    compiler: ["gcc", "gcc-c++", "make", "pkg-config"],
    build: ["webkit2gtk3-devel", "dbus-1-devel", "libayatana-appindicator3-1", "librsvg-2-2", "dejavu-fonts"],
    test: [
      "/usr/bin/WebKitWebDriver",
      "xorg-x11-server-Xvfb",
      "xauth",
      "dbus-1-daemon",
      "gnome-keyring",
      "chromium",
      "ImageMagick",
      "python3",
      "acl",
      "apache2",
      "attr",
      "e2fsprogs",
      "exfatprogs",
      "liberation-fonts",
      "ntfs-3g",
      "ntfsprogs",
      "openssh",
      "procps",
      "rclone",
    ],
  },
};

const managers = {
  apt: {
    command: "apt-get",
    has: (name) => (ask("dpkg-query", ["-W", "-f=${Status}", name]) ?? "").includes("ok installed"),
    refresh: ["update"],
    install: ["install", "-y", "--no-install-recommends"],
  },
  dnf: { command: "dnf", has: (name) => ask("rpm", ["-q", "--whatprovides", name]) !== null, install: ["install", "-y"] },
  pacman: { command: "pacman", has: (name) => ask("pacman", ["-Qg", name]) ?? ask("pacman", ["-Q", name]) !== null, install: ["-S", "--needed", "--noconfirm"] },
  zypper: { command: "zypper", has: (name) => ask("rpm", ["-q", "--whatprovides", name]) !== null, install: ["--non-interactive", "install"] },
};

/** Something is missing that we may not install; the message says what to paste. */
export class Missing extends Error {}

/** Whether a window can be opened. */
export function hasDisplay() {
  if (process.platform !== "linux") return true;
  return Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);
}

/** Makes sure the packages of these kinds are there: `compiler`, `build`, `test`. Answers in words what it did. */
export async function systemPackages(kinds) {
  if (process.platform === "darwin") {
    if (ask("xcode-select", ["-p"]) === null) throw new Missing("Apple's command line tools are missing. Paste this and start again:\n\n    xcode-select --install\n");
    return "Apple's command line tools are there";
  }
  if (process.platform === "win32") {
    return "Windows brings WebView2; Rust needs the C++ build tools of Visual Studio";
  }
  const kind = Object.keys(managers).find((name) => ask(managers[name].command, ["--version"]) !== null);
  if (!kind) throw new Missing("No package manager is known here. Keepwell needs a C compiler, pkg-config, WebKitGTK 4.1 with its headers, and libayatana-appindicator 3.");
  const manager = managers[kind];
  const wanted = kinds.flatMap((name) => packages[kind][name]);
  const missing = wanted.filter((name) => !manager.has(name));
  if (missing.length === 0) return "everything is there";
  const line = [manager.command, ...manager.install, ...missing].join(" ");
  const right = process.getuid() === 0 ? [] : ask("sudo", ["-n", "true"]) !== null ? ["sudo", "-n"] : null;
  if (right === null) throw new Missing(`Some system packages are missing, and installing them needs your password. Paste this and start again:\n\n    sudo ${line}\n`);
  const environment = { env: { DEBIAN_FRONTEND: "noninteractive" } };
  const start = (args) => [...right, manager.command, ...args];
  if (manager.refresh) {
    const [first, ...rest] = start(manager.refresh);
    // A mirror that is away for a moment is no reason to stop: what is known may be enough.
    await run("packages-refresh", first, rest, environment).catch((error) => {
      if (!(error instanceof CommandFailed)) throw error;
    });
  }
  const [first, ...rest] = start([...manager.install, ...missing]);
  await run("packages-install", first, rest, environment);
  return `installed ${missing.length} packages`;
}
