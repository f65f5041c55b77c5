/** What is seldom needed, folded away: a line says what is in it, and whether it is as usual. */
import { ChevronRight } from "lucide-react";
import { useState, type ReactNode } from "react";

import { t } from "../text/text";
import styles from "./More.module.css";

interface MoreProps {
  heading: string;
  /** What it is about, in a few words. */
  about?: string;
  /** Something in it is not as it is at first. */
  changed: boolean;
  /** Something in it is wrong: it is opened so that it can be seen. */
  wrong?: boolean;
  children: ReactNode;
}

export function More({ heading, about, changed, wrong = false, children }: MoreProps) {
  const [open, setOpen] = useState(false);
  return (
    <details className={styles.more} open={open || wrong} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary className={styles.summary}>
        <ChevronRight aria-hidden="true" className={styles.arrow} />
        <span className={styles.heading}>{heading}</span>
        {about !== undefined && <span className={styles.about}>{about}</span>}
        <span className={styles.state} data-changed={changed || undefined}>
          {changed ? t("form.changed") : t("form.as_usual")}
        </span>
      </summary>
      <div className={styles.body}>{children}</div>
    </details>
  );
}
