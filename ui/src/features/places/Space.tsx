/** How full a place is: what Keepwell takes, what others take, what is free. */
import { Size } from "../../components/Values";
import { formatBytes } from "../../lib/format";
import { rich } from "../../text/rich";
import { t } from "../../text/text";
import styles from "./Places.module.css";

export function Space({ free, total, stored }: { free: number | null; total: number | null; stored: number | null }) {
  if (free === null) return null;
  if (total === null || total === 0) return <span>{rich("place.free_only", { free: <Size bytes={free} /> })}</span>;
  const ours = Math.min(1, (stored ?? 0) / total);
  const used = Math.min(1, Math.max(0, (total - free) / total));
  return (
    <div className={styles.space}>
      <svg viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" className={styles.spaceBar}>
        <rect width={100} height={6} className={styles.spaceFree} />
        <rect width={used * 100} height={6} className={styles.spaceOthers} />
        <rect width={Math.max(ours * 100, ours > 0 ? 0.8 : 0)} height={6} className={styles.spaceOurs} />
      </svg>
      <span>{t("place.space_of", { free: formatBytes(free), total: formatBytes(total) })}</span>
    </div>
  );
}
