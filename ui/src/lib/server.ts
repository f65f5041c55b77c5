/** Places on servers, as far as the window knows them: by their addresses. */
import type { PathText, ShownServer, SyncAccess } from "../api";

/** The port of SSH, which its lists leave out. */
const SSH_PORT = 22;

/** Who we say we are on a server. */
export interface Access {
  user: string;
  secret: string;
}

export const NO_ACCESS: Access = { user: "", secret: "" };

/** Whether an address is that of a server. */
export function isRemote(address: string): boolean {
  return /^[a-z0-9+]+:\/\//i.test(address.trim());
}

/** What goes into a request: nothing where it is not a server, or nothing was typed. */
export function accessOf(address: PathText, access: Access): SyncAccess | undefined {
  if (!isRemote(address.path) || access.secret === "") return undefined;
  return { ...(access.user.trim() === "" ? {} : { user: access.user.trim() }), secret: access.secret };
}

/** The address of a server itself, as the engine takes it. */
export function addressOf({ host, port }: Pick<ShownServer, "host" | "port">): string {
  return `sftp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The line that takes a server out of a list of the person's own ssh. */
export function forgetLine({ host, port }: Pick<ShownServer, "host" | "port">, file: string): string {
  return `ssh-keygen -R "${port === SSH_PORT ? host : `[${host}]:${port}`}" -f "${file}"`;
}
