/** Finding among few things that are all here: every word of what was typed occurs, in any order, in any case. */
export function fits(text: string, typed: string): boolean {
  const where = text.toLocaleLowerCase();
  return typed
    .toLocaleLowerCase()
    .split(/\s+/)
    .every((word) => where.includes(word));
}
