/** Single values with their manners: paths, moments, sizes, progress. */
import { Check, Copy } from "lucide-react";
import { useState, type ReactNode } from "react";

import { classes } from "../lib/classes";
import { copyText } from "../lib/clipboard";
import { formatBytes, formatExact, formatPercent, formatRelative } from "../lib/format";
import { useNow } from "../lib/now";
import { splitForMiddle } from "../lib/path";
import { t } from "../text/text";
import { IconButton } from "./Button";
import styles from "./Values.module.css";

const HEAD_LETTERS = 5;

/** A path in monospace, shortened in the middle by the room there is; whole on hover, and to be copied. */
export function PathText({ path, copyable = false, strong = false }: { path: string; copyable?: boolean; strong?: boolean }) {
  const { head, tail } = splitForMiddle(path);
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void copyText(path).then((worked) => {
      setCopied(worked);
      setTimeout(() => setCopied(false), 1500);
    });
  };
  return (
    <span className={styles.pathLine}>
      <span className={classes(styles.path, strong && styles.strong)} title={path}>
        {/* Of a head a few letters stay, however narrow it is; of a tail its end. */}
        <span className={styles.head} style={{ minWidth: `${Math.min(HEAD_LETTERS, head.length)}ch` }}>
          {head}
        </span>
        <span className={head === "" ? styles.alone : styles.tail}>
          <bdi dir="ltr">{tail}</bdi>
        </span>
      </span>
      {copyable && (
        <IconButton
          icon={copied ? Check : Copy}
          label={copied ? t("common.copied") : t("common.copy_path")}
          small
          className={styles.copy}
          onClick={copy}
        />
      )}
    </span>
  );
}

/** A moment, relative to now, with the exact one on hover. */
export function Moment({ at }: { at: number }) {
  const now = useNow();
  return (
    <time dateTime={new Date(at).toISOString()} title={formatExact(at)} className={styles.number}>
      {formatRelative(at, now)}
    </time>
  );
}

/** A size with the exact number of bytes on hover. */
export function Size({ bytes }: { bytes: number }) {
  return (
    <span title={t("count.bytes", { count: bytes })} className={styles.number}>
      {formatBytes(bytes)}
    </span>
  );
}

/** How far something is; without a share it only says that it moves. */
export function ProgressBar({ share, label, paused = false }: { share: number | undefined; label: string; paused?: boolean }) {
  const known = share !== undefined;
  return (
    <div
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      {...(known ? { "aria-valuenow": Math.floor(share * 100), "aria-valuetext": formatPercent(share) } : {})}
      className={styles.bar}
    >
      <div
        className={classes(styles.fill, !known && styles.wandering, paused && styles.held)}
        style={known ? { width: `${share * 100}%` } : undefined}
      />
    </div>
  );
}

/** Facts as pairs of a name and a value. */
export function Facts({ facts, columns = false }: { facts: { name: string; value: ReactNode }[]; columns?: boolean }) {
  return (
    <dl className={columns ? styles.factColumns : styles.facts}>
      {facts.map(({ name, value }) => (
        <div key={name} className={styles.fact}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
