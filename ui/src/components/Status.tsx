/** A state: always a colour, an icon and a word together. */
import type { LucideIcon } from "lucide-react";
import { CircleAlert, CircleCheck, CircleDashed, CircleX, LoaderCircle, Pause, TriangleAlert } from "lucide-react";

import { classes } from "../lib/classes";
import styles from "./Status.module.css";

export type Tone = "ok" | "warn" | "bad" | "idle" | "running" | "paused" | "asking";

const LOOK: Record<Tone, { icon: LucideIcon; name: string }> = {
  ok: { icon: CircleCheck, name: "Ok" },
  warn: { icon: TriangleAlert, name: "Warn" },
  bad: { icon: CircleX, name: "Bad" },
  idle: { icon: CircleDashed, name: "Idle" },
  running: { icon: LoaderCircle, name: "Running" },
  paused: { icon: Pause, name: "Idle" },
  asking: { icon: CircleAlert, name: "Warn" },
};

export function StatusIcon({ tone }: { tone: Tone }) {
  const { icon: Icon, name } = LOOK[tone];
  return <Icon aria-hidden="true" className={classes(styles[`icon${name}`], tone === "running" && styles.turning)} />;
}

export function Status({ tone, word, quiet = false }: { tone: Tone; word: string; quiet?: boolean }) {
  const { name } = LOOK[tone];
  return (
    <span className={classes(styles.status, quiet ? styles.quiet : styles.filled, styles[`tone${name}`])}>
      <StatusIcon tone={tone} />
      <span>{word}</span>
    </span>
  );
}
