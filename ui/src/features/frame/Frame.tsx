/** The frame around every page: title bar, rail, page; and the palette above it. */
import { Link, Outlet, useLocation } from "@tanstack/react-router";
import type { LucideIcon } from "lucide-react";
import { Activity, HardDrive, History, RefreshCw, Search, Settings } from "lucide-react";
import { useEffect, useRef, useState } from "react";

import markAddress from "../../../../icons/keepwell.svg";
import { useJobs } from "../../api";
import { Notice } from "../../components/Page";
import { t, type TextKey } from "../../text/text";
import styles from "./Frame.module.css";
import { Palette } from "./Palette";
import { RunsButton } from "./RunsButton";

const PAGES: { to: "/backup" | "/sync" | "/activity" | "/places" | "/settings"; icon: LucideIcon; text: TextKey & `rail.${string}` }[] = [
  { to: "/backup", icon: History, text: "rail.backup" },
  { to: "/sync", icon: RefreshCw, text: "rail.sync" },
  { to: "/activity", icon: Activity, text: "rail.activity" },
  { to: "/places", icon: HardDrive, text: "rail.places" },
  { to: "/settings", icon: Settings, text: "rail.settings" },
];

function Rail() {
  return (
    <nav aria-label={t("rail.label")} className={styles.rail}>
      {PAGES.map(({ to, icon: Icon, text }) => (
        <Link key={to} to={to} className={styles.railLink} activeProps={{ "data-current": true }}>
          <Icon aria-hidden="true" />
          <span>{t(text)}</span>
        </Link>
      ))}
    </nav>
  );
}

function onMac(): boolean {
  return navigator.userAgent.includes("Mac OS");
}

/** What is shown while the engine does not answer. */
function LostNotice() {
  const { lost } = useJobs();
  if (!lost) return null;
  const noToken = lost.details.code === "permission";
  return (
    <div className={styles.lost}>
      <Notice alert tone="bad" heading={noToken ? t("trouble.no_token") : t("trouble.lost")}>
        <p>{noToken ? t("trouble.no_token_hint") : t("trouble.lost_means")}</p>
      </Notice>
    </div>
  );
}

export function Frame() {
  const [paletteOpen, setPaletteOpen] = useState(false);
  const main = useRef<HTMLElement>(null);
  const { pathname } = useLocation();

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        setPaletteOpen((open) => !open);
      }
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, []);

  useEffect(() => {
    // A new page begins at its heading, so that a screen reader says it and the tab key goes on from there.
    const heading = main.current?.querySelector("h1");
    const inside = main.current?.contains(document.activeElement) ?? false;
    if (!inside) heading?.focus({ preventScroll: true });
  }, [pathname]);

  return (
    <div className={styles.frame}>
      <a
        href="#main"
        className={styles.skip}
        onClick={(event) => {
          event.preventDefault();
          main.current?.focus();
        }}
      >
        {t("frame.skip")}
      </a>
      <header aria-label={t("frame.title_bar")} className={styles.titlebar}>
        <Link to="/backup" className={styles.mark}>
          <img src={markAddress} alt="" width={24} height={24} />
          <span>{t("app.name")}</span>
        </Link>
        <button type="button" onClick={() => setPaletteOpen(true)} className={styles.search}>
          <Search aria-hidden="true" />
          <span>{t("frame.search")}</span>
          <kbd aria-hidden="true">{onMac() ? t("frame.keys_mac") : t("frame.keys")}</kbd>
        </button>
        <RunsButton />
      </header>
      <Rail />
      <main id="main" ref={main} tabIndex={-1} className={styles.main}>
        <LostNotice />
        <Outlet />
      </main>
      <Palette open={paletteOpen} onClose={() => setPaletteOpen(false)} />
    </div>
  );
}
