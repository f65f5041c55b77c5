/**
 * The command palette: what one wants to do, a plan, or a file in any snapshot.
 *
 * A list box under a text field: the focus stays in the field, the arrows move the choice.
 */
import { Dialog as Base } from "@base-ui/react/dialog";
import { useNavigate } from "@tanstack/react-router";
import { useQueries } from "@tanstack/react-query";
import type { LucideIcon } from "lucide-react";
import { Activity, File, Folder, HardDrive, History, Monitor, Moon, Pause, Play, Plus, RefreshCw, Settings, Sun } from "lucide-react";
import { useDeferredValue, useId, useState, type KeyboardEvent } from "react";

import { call, type FindRow, type Theme } from "../../api";
import { tellDone, tellFailed } from "../../components/news";
import overlay from "../../components/Overlay.module.css";
import { PathText } from "../../components/Values";
import { classes } from "../../lib/classes";
import { formatMoment } from "../../lib/format";
import { parentPath } from "../../lib/path";
import { renew, repositoryOf, useAsk } from "../../lib/queries";
import { fits } from "../../lib/search";
import { t } from "../../text/text";
import { TOP } from "../browse/search";
import { useThemeSetting } from "../settings/theme";
import styles from "./Palette.module.css";

interface Entry {
  key: string;
  icon: LucideIcon;
  text: string;
  path?: string;
  note?: string;
  choose: () => void;
}

interface Group {
  heading: string;
  entries: Entry[];
}

const FILES_SHOWN = 30;
const LEAST_LETTERS = 2;

function useActions(leave: () => void): Entry[] {
  const navigate = useNavigate();
  const { setTheme } = useThemeSetting();
  const go = (key: string, icon: LucideIcon, text: string, open: () => void): Entry => ({
    key,
    icon,
    text,
    choose: () => {
      leave();
      open();
    },
  });
  const run = (command: "job.pauseAll" | "job.resumeAll") =>
    void call(command, {}).catch((failure: unknown) => tellFailed(failure instanceof Error ? failure.message : String(failure)));
  const theme = (choice: Theme, icon: LucideIcon, text: string) => go(`theme-${choice}`, icon, text, () => setTheme(choice));
  return [
    go("backup", History, t("palette.go_backup"), () => void navigate({ to: "/backup" })),
    go("sync", RefreshCw, t("palette.go_sync"), () => void navigate({ to: "/sync" })),
    go("activity", Activity, t("palette.go_activity"), () => void navigate({ to: "/activity" })),
    go("places", HardDrive, t("palette.go_places"), () => void navigate({ to: "/places" })),
    go("settings", Settings, t("palette.go_settings"), () => void navigate({ to: "/settings" })),
    go("new", Plus, t("palette.new_plan"), () => void navigate({ to: "/backup/new" })),
    go("pair", Plus, t("palette.new_pair"), () => void navigate({ to: "/sync/new", search: {} })),
    go("add", Plus, t("palette.add_place"), () => void navigate({ to: "/places/add" })),
    go("pause", Pause, t("palette.pause_all"), () => run("job.pauseAll")),
    go("resume", Play, t("palette.resume_all"), () => run("job.resumeAll")),
    theme("light", Sun, t("palette.theme_light")),
    theme("dark", Moon, t("palette.theme_dark")),
    theme("system", Monitor, t("palette.theme_system")),
  ];
}

function usePlanEntries(leave: () => void): Entry[] {
  const navigate = useNavigate();
  const plans = useAsk("plan.list", {}).data?.plans ?? [];
  return plans.flatMap((plan) => [
    {
      key: `plan-${plan.id}`,
      icon: History,
      text: plan.name,
      choose: () => {
        leave();
        void navigate({ to: "/backup/$planId", params: { planId: plan.id }, search: {} });
      },
    },
    {
      key: `run-${plan.id}`,
      icon: Play,
      text: t("palette.run", { name: plan.name }),
      choose: () => {
        leave();
        call("plan.run", { planId: plan.id })
          .then(() => {
            renew("plan", "job");
            tellDone(t("plan.started", { name: plan.name }));
          })
          .catch((failure: unknown) => tellFailed(failure instanceof Error ? failure.message : String(failure)));
      },
    },
  ]);
}

function usePairEntries(leave: () => void): Entry[] {
  const navigate = useNavigate();
  const pairs = useAsk("sync.pairs", {}).data?.pairs ?? [];
  return pairs.flatMap((pair) => [
    {
      key: `pair-${pair.id}`,
      icon: RefreshCw,
      text: pair.name,
      choose: () => {
        leave();
        void navigate({ to: "/sync/$pairId", params: { pairId: pair.id }, search: {} });
      },
    },
    {
      key: `sync-${pair.id}`,
      icon: Play,
      text: t("palette.sync", { name: pair.name }),
      choose: () => {
        leave();
        call("sync.run", { pairId: pair.id, preview: false })
          .then(() => {
            renew("sync", "job");
            tellDone(t("sync.started", { name: pair.name }));
          })
          .catch((failure: unknown) => tellFailed(failure instanceof Error ? failure.message : String(failure)));
      },
    },
  ]);
}

function fileNote(row: FindRow): string {
  const when = formatMoment(row.snapshotMs);
  return row.inLatest ? t("palette.file_note", { count: row.snapshots, when }) : t("palette.file_gone", { when });
}

/** Files of every place whose names hold the text. */
function useFileEntries(text: string, leave: () => void): { entries: Entry[]; searching: boolean } {
  const navigate = useNavigate();
  const places = useAsk("place.list", { health: false }).data?.places ?? [];
  const enabled = text.trim().length >= LEAST_LETTERS;
  const found = useQueries({
    queries: places.map((place) => ({
      queryKey: ["snapshot.find", place.id, { palette: text }],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        call("snapshot.find", { repository: repositoryOf(place.id), pattern: text.trim(), limit: FILES_SHOWN }, signal),
      enabled,
      retry: false,
    })),
  });
  if (!enabled) return { entries: [], searching: false };
  const entries = found.flatMap((result, index) => {
    const place = places[index];
    if (!place || !result.data) return [];
    return result.data.rows.map((row) => ({
      key: `file-${place.id}-${row.path.path}`,
      icon: row.entryType === "folder" ? Folder : File,
      text: row.path.display,
      path: row.path.display,
      note: fileNote(row),
      choose: () => {
        leave();
        void navigate({
          to: "/places/$placeId",
          params: { placeId: place.id },
          search: {
            snapshot: row.snapshotId,
            ...(row.entryType === "folder" ? { path: row.path.path } : { path: parentPath(row.path.path) || TOP, file: row.path.path }),
          },
        });
      },
    }));
  });
  return { entries, searching: found.some((result) => result.isFetching) };
}

function PaletteBody({ leave }: { leave: () => void }) {
  const id = useId();
  const [text, setText] = useState("");
  const [index, setIndex] = useState(0);
  const settled = useDeferredValue(text);
  const actions = useActions(leave);
  const plans = usePlanEntries(leave);
  const pairs = usePairEntries(leave);
  const files = useFileEntries(settled, leave);
  const groups: Group[] = [
    { heading: t("palette.actions"), entries: actions.filter((entry) => fits(entry.text, text)) },
    { heading: t("palette.plans"), entries: plans.filter((entry) => fits(entry.text, text)) },
    { heading: t("palette.pairs"), entries: pairs.filter((entry) => fits(entry.text, text)) },
    { heading: t("palette.files"), entries: files.entries },
  ].filter((group) => group.entries.length > 0);
  const all = groups.flatMap((group) => group.entries);
  const active = Math.min(index, Math.max(0, all.length - 1));

  const onKeyDown = (event: KeyboardEvent) => {
    const targets: Record<string, number> = { ArrowDown: active + 1, ArrowUp: active - 1 };
    const target = targets[event.key];
    if (target !== undefined && all.length > 0) {
      const next = (target + all.length) % all.length;
      setIndex(next);
      document.getElementById(`${id}-${next}`)?.scrollIntoView({ block: "nearest" });
      event.preventDefault();
    } else if (event.key === "Enter") {
      all[active]?.choose();
      event.preventDefault();
    }
  };

  return (
    <>
      <input
        type="text"
        role="combobox"
        aria-expanded="true"
        aria-controls={`${id}-list`}
        aria-activedescendant={all.length > 0 ? `${id}-${active}` : undefined}
        aria-label={t("palette.prompt")}
        placeholder={t("palette.prompt")}
        value={text}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => {
          setText(event.target.value);
          setIndex(0);
        }}
        onKeyDown={onKeyDown}
        className={styles.field}
      />
      <div id={`${id}-list`} role="listbox" aria-label={t("palette.heading")} className={styles.list}>
        {groups.map((group) => (
          <div key={group.heading} role="group" aria-label={group.heading}>
            <div aria-hidden="true" className={styles.heading}>
              {group.heading}
            </div>
            {group.entries.map((entry) => {
              const position = all.indexOf(entry);
              const Icon = entry.icon;
              return (
                <div
                  key={entry.key}
                  id={`${id}-${position}`}
                  role="option"
                  aria-selected={position === active}
                  onClick={entry.choose}
                  onPointerMove={() => position !== active && setIndex(position)}
                  className={styles.entry}
                >
                  <Icon aria-hidden="true" />
                  <span className={styles.text}>{entry.path === undefined ? entry.text : <PathText path={entry.path} />}</span>
                  {entry.note !== undefined && <span className={styles.note}>{entry.note}</span>}
                </div>
              );
            })}
          </div>
        ))}
      </div>
      <p role="status" className={all.length === 0 || files.searching ? styles.status : "only-spoken"}>
        {files.searching ? t("palette.searching") : all.length === 0 ? t("palette.nothing", { text }) : t("palette.results", { count: all.length })}
      </p>
      <p className={styles.keys}>{t("palette.keys")}</p>
    </>
  );
}

export function Palette({ open, onClose }: { open: boolean; onClose: () => void }) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={overlay.backdrop} />
        <Base.Popup className={classes(overlay.dialog, styles.palette)}>
          <Base.Title className="only-spoken">{t("palette.heading")}</Base.Title>
          <PaletteBody leave={onClose} />
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}
