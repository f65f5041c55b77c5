/** The window's one way to its texts: `t(key, values)` for text, `rich` (rich.tsx) where a value is an element. */
import { type Arguments, fill, formOf } from "./catalogue";
import { en } from "./en";

export type Texts = typeof en;
export type TextKey = keyof Texts;

export const LANGUAGE = "en";
const pluralRules = new Intl.PluralRules(LANGUAGE);
const numbers = new Intl.NumberFormat(LANGUAGE);

/** The text of a key, its names filled with the values. Numbers are written the local way. */
export function t<Key extends TextKey>(key: Key, ...given: Arguments<Texts[Key], string | number>): string {
  const values = (given[0] ?? {}) as Readonly<Record<string, string | number>>;
  const count = typeof values.count === "number" ? values.count : undefined;
  const shown = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? numbers.format(value) : value]),
  );
  return fill(formOf(en[key], count, pluralRules), shown);
}
