/**
 * How the catalogue of texts is typed and read.
 *
 * Why: every text of the window lives in `text/en`, so that it can be reviewed and translated as a whole. The types
 * make a missing key, a missing value or a wrong value an error of the compiler. Deliberately not here: the texts.
 */

/** A text that depends on a number: `count` chooses the form and is filled in, written the local way. */
export interface Plural {
  readonly one: string;
  readonly other: string;
}

export type Message = string | Plural;
export type Catalogue = Readonly<Record<string, Message>>;

/** The names between braces of a text. */
type NamesIn<Text extends string> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;

type NamesOf<Entry> = Entry extends string
  ? NamesIn<Entry>
  : Entry extends { one: infer One extends string; other: infer Other extends string }
    ? NamesIn<One> | NamesIn<Other> | "count"
    : never;

/** The values a text needs: `count` is a number, everything else what is to be shown. */
export type Values<Entry, Shown> = { readonly [Name in NamesOf<Entry>]: Name extends "count" ? number : Shown };

/** The arguments of a text: none where it has no names. */
export type Arguments<Entry, Shown> = [NamesOf<Entry>] extends [never] ? [] : [values: Values<Entry, Shown>];

const NAME = /\{([A-Za-z]+)\}/g;

/** Chooses the form of a message for its count. */
export function formOf(message: Message, count: number | undefined, rules: Intl.PluralRules): string {
  if (typeof message === "string") return message;
  return rules.select(count ?? 0) === "one" ? message.one : message.other;
}

/** A text cut at its names: texts at even places, names at odd ones. */
export function cutAtNames(text: string): string[] {
  return text.split(NAME);
}

/** Fills a text. A value that is missing leaves its name visible: better seen than silently empty. */
export function fill(text: string, values: Readonly<Record<string, string>>): string {
  return text.replace(NAME, (whole, name: string) => values[name] ?? whole);
}
