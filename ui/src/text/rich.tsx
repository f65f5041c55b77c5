/** Texts with elements in them: a path, a time, a link in the middle of a sentence. */
import { Fragment, type ReactNode } from "react";

import { type Arguments, cutAtNames } from "./catalogue";
import { en } from "./en";
import type { TextKey, Texts } from "./text";

/** The text of a key with elements in the places of its names. */
export function rich<Key extends TextKey>(key: Key, ...given: Arguments<Texts[Key], ReactNode>): ReactNode {
  const values = (given[0] ?? {}) as Readonly<Record<string, ReactNode>>;
  const message = en[key];
  const text = typeof message === "string" ? message : message.other;
  return cutAtNames(text).map((part, index) => (
    <Fragment key={index}>{index % 2 === 1 ? (values[part] ?? part) : part}</Fragment>
  ));
}
