/** What every page is made of: a heading with its actions, sections, notices and empty states. */
import { Link, type LinkProps } from "@tanstack/react-router";
import type { LucideIcon } from "lucide-react";
import { ChevronRight } from "lucide-react";
import { useEffect, useRef, type ReactNode } from "react";

import { classes } from "../lib/classes";
import { t } from "../text/text";
import styles from "./Page.module.css";
import { StatusIcon, type Tone } from "./Status";

interface Crumb {
  text: string;
  link: LinkProps;
}

interface PageProps {
  heading: string;
  /** A sentence under the heading: the state of what the page shows. */
  lead?: ReactNode;
  crumbs?: Crumb[];
  actions?: ReactNode;
  /** The page fills the window's height and its parts scroll by themselves. */
  fixed?: boolean;
  /** Text to read and forms: not wider than is good to read. */
  narrow?: boolean;
  children: ReactNode;
}

/** A page. Its heading takes the focus when it opens, so that a screen reader says where one is. */
export function Page({ heading, lead, crumbs = [], actions, fixed = false, narrow = false, children }: PageProps) {
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = t("app.window_title", { page: heading });
  }, [heading]);
  useEffect(() => {
    if (document.activeElement === document.body) title.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div className={classes(styles.page, fixed && styles.fixed)}>
      <div className={classes(styles.inner, narrow && styles.narrow)}>
        <header className={styles.header}>
          <div className={styles.titles}>
            {crumbs.length > 0 && (
              <nav aria-label={t("common.breadcrumbs")} className={styles.crumbs}>
                {crumbs.map(({ text, link }, index) => (
                  <span key={text} className={styles.crumb}>
                    {index > 0 && <ChevronRight aria-hidden="true" />}
                    <Link {...link}>{text}</Link>
                  </span>
                ))}
              </nav>
            )}
            <h1 ref={title} tabIndex={-1}>
              {heading}
            </h1>
            {lead !== undefined && <div className={styles.lead}>{lead}</div>}
          </div>
          {actions !== undefined && <div className={styles.actions}>{actions}</div>}
        </header>
        {children}
      </div>
    </div>
  );
}

export function Section({ heading, actions, children, note }: { heading: string; actions?: ReactNode; note?: ReactNode; children: ReactNode }) {
  return (
    <section className={styles.section}>
      <div className={styles.sectionHead}>
        <div>
          <h2>{heading}</h2>
          {note !== undefined && <p className={styles.note}>{note}</p>}
        </div>
        {actions}
      </div>
      {children}
    </section>
  );
}

/** Something the person should know: what happened, what it means, what to do next. */
export function Notice({ tone, heading, children, actions, alert = false }: { tone: Tone; heading: string; children?: ReactNode; actions?: ReactNode; alert?: boolean }) {
  return (
    <div role={alert ? "alert" : undefined} className={classes(styles.notice, styles[`notice_${tone}`])}>
      <StatusIcon tone={tone} />
      <div className={styles.noticeText}>
        <p className={styles.noticeHeading}>{heading}</p>
        {children}
        {actions !== undefined && <div className={styles.noticeActions}>{actions}</div>}
      </div>
    </div>
  );
}

/** An empty page: says what will be here, and how to get there. */
export function Empty({ icon: Icon, heading, children, actions }: { icon: LucideIcon; heading: string; children?: ReactNode; actions?: ReactNode }) {
  return (
    <div className={styles.empty}>
      <Icon aria-hidden="true" className={styles.emptyIcon} />
      <h2>{heading}</h2>
      <div className={styles.emptyText}>{children}</div>
      {actions !== undefined && <div className={styles.emptyActions}>{actions}</div>}
    </div>
  );
}

/** Shown while something loads; appears only after a moment, so that quick answers do not flicker. */
export function Loading() {
  return (
    <p role="status" className={styles.loading}>
      {t("common.loading")}
    </p>
  );
}
