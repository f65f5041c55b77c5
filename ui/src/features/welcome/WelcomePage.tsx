/** The first run: what matters, where may copies go, how often; then the recovery key, and a backup is running. */
import { useNavigate } from "@tanstack/react-router";
import { ArrowLeft, ArrowRight, FolderPlus, Play } from "lucide-react";
import { useState } from "react";

import { isActive, useJob, type FirstRunStarted, type FolderSuggestion, type FolderSuggestions, type VolumeSuggestion } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { FolderField, useFolderChooser } from "../../components/FolderField";
import { Checkbox, Field, Radios } from "../../components/Form";
import { JobPanel } from "../../components/JobPanel";
import { Loading, Notice, Page, Section } from "../../components/Page";
import { Steps } from "../../components/Steps";
import { RecoveryKey } from "../../components/RecoveryKey";
import { Trouble, TroubleText } from "../../components/Trouble";
import { PathText } from "../../components/Values";
import { formatBytes } from "../../lib/format";
import { useAct, useAsk } from "../../lib/queries";
import { FOLDER } from "../../lib/words";
import { t } from "../../text/text";
import { destinationOf, drivesOf, firstAnswers, isPasswordReady, toStart, withFolder, withTick, type Answers, type Often } from "./answers";
import { PasswordChoice } from "./PasswordChoice";
import styles from "./Welcome.module.css";

const STEPS = 3;

interface StepProps {
  answers: Answers;
  change: (answers: Answers) => void;
  asked: boolean;
}

function What({ answers, change, asked, sources }: StepProps & { sources: FolderSuggestion[] }) {
  const { choose, picker } = useFolderChooser((folder) => change(withFolder(answers, folder)));
  const nameOf = (path: string) => {
    const known = sources.find((source) => source.path.path === path);
    return known ? t(FOLDER[known.kind]) : t("welcome.added");
  };
  return (
    <>
      <div role="group" aria-label={t("welcome.what_folders")} className={styles.folders}>
        {answers.offered.map((folder) => (
          <div key={folder.path} className={styles.folder}>
            <Checkbox
              checked={answers.ticked.has(folder.path)}
              onChecked={(on) => change(withTick(answers, folder.path, on))}
              text={<strong>{nameOf(folder.path)}</strong>}
              note={<PathText path={folder.display} />}
            />
          </div>
        ))}
      </div>
      <span>
        <Button icon={FolderPlus} onClick={() => choose()}>
          {t("welcome.what_other")}
        </Button>
      </span>
      {asked && answers.ticked.size === 0 && <p className={styles.error}>{t("welcome.what_none")}</p>}
      {picker}
    </>
  );
}

const OTHER = "other";

function volumeNote(volume: VolumeSuggestion) {
  const free = volume.freeBytes === null ? t("common.unknown") : formatBytes(volume.freeBytes);
  const words = volume.otherDevice
    ? t("welcome.where_other_device", { free, total: volume.totalBytes === null ? t("common.unknown") : formatBytes(volume.totalBytes) })
    : t("welcome.where_same_device", { free });
  return (
    <>
      <span className={styles.noteLine}>{words}</span>
      <PathText path={volume.proposed.display} />
    </>
  );
}

function Where({ answers, change, asked, volumes }: StepProps & { volumes: VolumeSuggestion[] }) {
  return (
    <>
      <Radios
        quietLabel
        label={t("welcome.where_label")}
        value={answers.volume ?? OTHER}
        onValue={(volume) => change({ ...answers, volume: volume === OTHER ? undefined : volume })}
        choices={[...volumes.map((volume) => ({ value: volume.proposed.path, text: volume.name, note: volumeNote(volume) })), { value: OTHER, text: t("welcome.where_other") }]}
      />
      {answers.volume === undefined && (
        <Field label={t("welcome.where_folder")} hint={t("welcome.where_folder_hint")} error={asked && answers.folder.path === "" ? t("welcome.where_none") : undefined}>
          <FolderField value={answers.folder} onValue={(folder) => change({ ...answers, folder })} />
        </Field>
      )}
    </>
  );
}

function HowOften({ answers, change, asked }: StepProps) {
  return (
    <>
      <Radios<Often>
        quietLabel
        label={t("welcome.often_label")}
        value={answers.often}
        onValue={(often) => change({ ...answers, often })}
        choices={[
          { value: "hours", text: t("welcome.often_hours"), note: t("welcome.often_hours_note") },
          { value: "daily", text: t("welcome.often_daily"), note: t("welcome.often_daily_note") },
          { value: "weekly", text: t("welcome.often_weekly"), note: t("welcome.often_weekly_note") },
          { value: "manual", text: t("welcome.often_manual"), note: t("welcome.often_manual_note") },
        ]}
      />
      <PasswordChoice value={answers.password} onValue={(password) => change({ ...answers, password })} asked={asked} />
    </>
  );
}

function mayGoOn(step: number, answers: Answers): boolean {
  if (step === 0) return answers.ticked.size > 0;
  if (step === 1) return destinationOf(answers) !== "";
  return isPasswordReady(answers.password);
}

function Questions({ suggestions, onStarted }: { suggestions: FolderSuggestions; onStarted: (started: FirstRunStarted, answers: Answers) => void }) {
  const navigate = useNavigate();
  const [step, setStep] = useState(0);
  const [asked, setAsked] = useState(false);
  const [answers, setAnswers] = useState(() => firstAnswers(suggestions));
  const start = useAct("firstRun.start", { renews: ["app", "plan", "place", "job", "scheduler"], onDone: (started) => onStarted(started, answers) });
  const skip = useAct("firstRun.skip", { renews: ["app"], onDone: () => void navigate({ to: "/backup" }) });
  const go = (next: number) => {
    setAsked(false);
    setStep(next);
    document.querySelector("main h2")?.scrollIntoView({ block: "nearest" });
  };
  const goOn = () => {
    if (!mayGoOn(step, answers)) setAsked(true);
    else if (step < STEPS - 1) go(step + 1);
    else start.mutate(toStart(answers, suggestions.volumes));
  };
  const titles = [t("welcome.what"), t("welcome.where"), t("welcome.often")];
  const leads = [t("welcome.what_lead"), t("welcome.where_lead"), t("welcome.often_lead")];
  const part = { answers, change: setAnswers, asked };
  return (
    <form
      noValidate
      className={styles.questions}
      onSubmit={(event) => {
        event.preventDefault();
        goOn();
      }}
    >
      <Steps titles={titles} now={step} spoken={t("welcome.step", { step: step + 1, total: STEPS })} />
      <Section heading={titles[step] ?? ""} note={leads[step]}>
        {step === 0 && <What {...part} sources={suggestions.sources} />}
        {step === 1 && <Where {...part} volumes={drivesOf(suggestions)} />}
        {step === 2 && <HowOften {...part} />}
      </Section>
      {start.error && <Trouble error={start.error.details} />}
      <div className={styles.buttons}>
        {step > 0 && (
          <Button icon={ArrowLeft} onClick={() => go(step - 1)}>
            {t("common.back")}
          </Button>
        )}
        <Button type="submit" kind="primary" {...(step < STEPS - 1 ? {} : { icon: Play })} busy={start.isPending}>
          {step < STEPS - 1 ? t("common.continue") : t("welcome.start")}
        </Button>
        <span className={styles.push}>
          <LinkButton to="/places/add" kind="quiet">
            {t("welcome.have_one")}
          </LinkButton>
          <Button kind="quiet" busy={skip.isPending} onClick={() => skip.mutate({})}>
            {t("welcome.skip")}
          </Button>
        </span>
      </div>
    </form>
  );
}

function FirstBackup({ started, manual }: { started: FirstRunStarted; manual: boolean }) {
  const job = useJob(started.jobId);
  if (!job) return <Loading />;
  if (isActive(job)) {
    return (
      <Section heading={t("welcome.started")} note={t("welcome.started_lead")}>
        <JobPanel job={job} />
      </Section>
    );
  }
  if (job.error !== null) {
    return (
      <Notice tone="bad" heading={job.error.message}>
        <TroubleText error={job.error} />
      </Notice>
    );
  }
  return (
    <Notice tone={job.problems > 0 ? "warn" : "ok"} heading={t("welcome.done")}>
      {job.result !== null && (
        <p>{t("welcome.done_counts", { items: t("count.items", { count: job.result.items }), size: formatBytes(job.result.bytes), stored: formatBytes(job.result.bytesWritten) })}</p>
      )}
      <p>{manual ? t("welcome.done_lead_manual") : t("welcome.done_lead")}</p>
      {job.problems > 0 && <p>{t("count.problems", { count: job.problems })}</p>}
    </Notice>
  );
}

function Started({ started, answers }: { started: FirstRunStarted; answers: Answers }) {
  const [confirmed, setConfirmed] = useState(false);
  const navigate = useNavigate();
  const place = useAsk("place.get", { placeId: started.placeId }).data;
  return (
    <div className={styles.questions}>
      <FirstBackup started={started} manual={answers.often === "manual"} />
      <Section heading={t("key.heading")}>
        <RecoveryKey recoveryKey={started.recoveryKey} place={place?.label ?? ""} path={place?.path.display ?? ""} confirmed={confirmed} onConfirmed={setConfirmed} />
      </Section>
      <div className={styles.buttons}>
        <Button
          kind="primary"
          icon={ArrowRight}
          disabled={!confirmed}
          title={confirmed ? undefined : t("welcome.go_first")}
          onClick={() => void navigate({ to: "/backup/$planId", params: { planId: started.planId }, search: {} })}
        >
          {t("welcome.go")}
        </Button>
      </div>
    </div>
  );
}

export function WelcomePage() {
  const suggestions = useAsk("folder.suggestions", {});
  const [done, setDone] = useState<{ started: FirstRunStarted; answers: Answers }>();
  return (
    <Page narrow heading={t("welcome.heading")} lead={done ? undefined : t("welcome.lead")}>
      {done ? (
        <Started {...done} />
      ) : suggestions.error ? (
        <Trouble error={suggestions.error.details} onRetry={() => void suggestions.refetch()} />
      ) : suggestions.data ? (
        <Questions suggestions={suggestions.data} onStarted={(started, answers) => setDone({ started, answers })} />
      ) : (
        <Loading />
      )}
    </Page>
  );
}
