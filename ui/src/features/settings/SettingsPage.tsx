/** Settings, and what the program says of itself. Every change is saved at once. */
import { useState } from "react";

import { insideShell, type AppInfo, type SchedulerStatus, type Settings, type Theme } from "../../api";
import { Field, Radios, Switch, TextInput } from "../../components/Form";
import { tellFailed } from "../../components/news";
import { Loading, Notice, Page, Section } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { Facts, Moment, PathText } from "../../components/Values";
import { useAct, useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { historyOf, isHistory, isLimit, limitOf, limitText } from "./limits";
import styles from "./Settings.module.css";
import { useThemeSetting } from "./theme";

interface PartProps {
  settings: Settings;
  save: (change: Partial<Settings>) => void;
}

function Look() {
  const { theme, setTheme } = useThemeSetting();
  return (
    <Section heading={t("settings.look")}>
      <Radios<Theme>
        label={t("settings.theme")}
        value={theme}
        onValue={setTheme}
        choices={[
          { value: "system", text: t("settings.theme_system") },
          { value: "light", text: t("settings.theme_light") },
          { value: "dark", text: t("settings.theme_dark") },
        ]}
      />
    </Section>
  );
}

/** Tray and notifications belong to the shell: in a browser there are none. */
function Background({ settings, save }: PartProps) {
  return (
    <Section heading={t("settings.background")}>
      <div className={styles.switches}>
        {insideShell && (
          <>
            <Switch checked={settings.keepRunningInTray} onChecked={(keepRunningInTray) => save({ keepRunningInTray })} text={t("settings.tray")} note={t("settings.tray_note")} />
            <Switch checked={settings.notifications} onChecked={(notifications) => save({ notifications })} text={t("settings.notifications")} note={t("settings.notifications_note")} />
          </>
        )}
        <Switch
          checked={settings.schedulesPaused}
          onChecked={(schedulesPaused) => save({ schedulesPaused })}
          text={t("settings.schedules_paused")}
          note={t("settings.schedules_paused_note")}
        />
      </div>
    </Section>
  );
}

function Ceilings({ settings, save }: PartProps) {
  const [write, setWrite] = useState(limitText(settings.limits.writeBytesPerSecond));
  const [history, setHistory] = useState(String(settings.limits.historyJobs));
  const saveLimits = () => {
    if (!isLimit(write) || !isHistory(history)) return;
    const limits = { writeBytesPerSecond: limitOf(write), historyJobs: historyOf(history) };
    if (limits.writeBytesPerSecond !== settings.limits.writeBytesPerSecond || limits.historyJobs !== settings.limits.historyJobs) save({ limits });
  };
  return (
    <Section heading={t("settings.limits")}>
      <div className={styles.pair}>
        <Field label={t("settings.write_limit")} hint={t("settings.write_limit_hint")} error={isLimit(write) ? undefined : t("settings.write_limit_wrong")}>
          <TextInput inputMode="decimal" value={write} onValue={setWrite} onBlur={saveLimits} />
        </Field>
        <Field label={t("settings.history")} hint={t("settings.history_hint")} error={isHistory(history) ? undefined : t("settings.history_wrong")}>
          <TextInput inputMode="numeric" value={history} onValue={setHistory} onBlur={saveLimits} />
        </Field>
      </div>
    </Section>
  );
}

function schedulerWords(status: SchedulerStatus): string {
  if (status.runningHere) return t("settings.scheduler_here");
  return status.heldBy === null ? t("settings.scheduler_none") : t("settings.scheduler_other", { who: status.heldBy });
}

function Schedules({ status }: { status: SchedulerStatus }) {
  return (
    <Section heading={t("settings.scheduler")} note={schedulerWords(status)}>
      {status.upcoming.length === 0 ? (
        <p className={styles.quiet}>{t("settings.upcoming_none")}</p>
      ) : (
        <Facts facts={status.upcoming.slice(0, 8).map((run) => ({ name: run.name, value: <Moment at={run.atMs} /> }))} />
      )}
    </Section>
  );
}

function About({ info }: { info: AppInfo }) {
  return (
    <>
      <Section heading={t("settings.keyring")}>
        <Facts facts={[{ name: t("settings.keyring_where"), value: t(`settings.keyring_${info.keyring}`) }]} />
        <p className={styles.quiet}>{info.keyringNote}</p>
      </Section>
      <Section heading={t("settings.about")}>
        <Facts
          facts={[
            { name: t("settings.version"), value: info.version },
            { name: t("settings.computer"), value: info.host },
            { name: t("settings.home"), value: <PathText path={info.home.display} copyable /> },
            { name: t("settings.logs"), value: <PathText path={info.logs.display} copyable /> },
            { name: t("settings.license"), value: t("settings.license_text") },
          ]}
        />
      </Section>
    </>
  );
}

export function SettingsPage() {
  const settings = useAsk("settings.get", {});
  const info = useAsk("app.info", {});
  const scheduler = useAsk("scheduler.status", {});
  const save = useAct("settings.set", { renews: ["settings", "scheduler", "plan"], onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined) });
  const error = settings.error ?? info.error;
  const current = save.isPending ? save.variables.settings : settings.data;
  return (
    <Page narrow heading={t("settings.heading")}>
      {error && <Trouble error={error.details} onRetry={() => void settings.refetch()} />}
      {info.data?.notices.map((notice) => <Notice key={notice} tone="warn" heading={notice} />)}
      {!current && !error && <Loading />}
      <Look />
      {current && <Background settings={current} save={(change) => save.mutate({ settings: { ...current, ...change } })} />}
      {current && <Ceilings settings={current} save={(change) => save.mutate({ settings: { ...current, ...change } })} />}
      {scheduler.data && <Schedules status={scheduler.data} />}
      {info.data && <About info={info.data} />}
    </Page>
  );
}
