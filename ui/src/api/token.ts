/**
 * The random token that proves that this page was opened by the person who started the host.
 *
 * It arrives in the address (`#token=…` or `?token=…`), is taken out of it at once so that it does not stay in the
 * history, and lives as long as this tab.
 */
const KEY = "keepwell.token";

/** The token of an address, and the address without it. */
export function splitToken(address: string): { token: string | undefined; rest: string } {
  const url = new URL(address);
  const fromQuery = url.searchParams.get("token") ?? undefined;
  url.searchParams.delete("token");
  const match = /^#(?:.*[?&])?token=([^&]+)/.exec(url.hash);
  if (match) url.hash = "";
  return { token: match?.[1] ?? fromQuery, rest: url.toString() };
}

/** The token of this tab; takes it out of the address the first time. */
export function takeToken(): string {
  const { token, rest } = splitToken(window.location.href);
  if (token !== undefined) {
    sessionStorage.setItem(KEY, token);
    window.history.replaceState(null, "", rest);
    return token;
  }
  return sessionStorage.getItem(KEY) ?? "";
}
