/** The frame of a form in steps: where one is, the step itself, back and on. What the steps hold is the caller's. */
import { ArrowLeft, Eye } from "lucide-react";
import type { ReactNode } from "react";

import { Button } from "../../components/Button";
import { Page, Section } from "../../components/Page";
import { Steps } from "../../components/Steps";
import { t } from "../../text/text";
import styles from "./Sync.module.css";

export interface WizardStep {
  title: string;
  lead: string;
  content: ReactNode;
}

interface WizardFrameProps {
  heading: string;
  steps: readonly WizardStep[];
  step: number;
  /** What the last button does. */
  finish: string;
  /** Stands beside the last button. */
  note: string;
  /** The last button leads to something to look at. */
  looks?: boolean;
  busy: boolean;
  trouble: ReactNode;
  onBack: () => void;
  onNext: () => void;
}

export function WizardFrame({ heading, steps, step, finish, note, looks = false, busy, trouble, onBack, onNext }: WizardFrameProps) {
  const last = step === steps.length - 1;
  const now = steps[step];
  return (
    <Page narrow heading={heading} crumbs={[{ text: t("sync.heading"), link: { to: "/sync" } }]}>
      <form
        noValidate
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          onNext();
        }}
      >
        {steps.length > 1 && <Steps titles={steps.map(({ title }) => title)} now={step} spoken={t("pair.step", { step: step + 1, total: steps.length })} />}
        {now && (
          <Section heading={now.title} note={now.lead}>
            {now.content}
          </Section>
        )}
        {trouble}
        <div className={styles.buttons}>
          {step > 0 && (
            <Button icon={ArrowLeft} onClick={onBack}>
              {t("common.back")}
            </Button>
          )}
          <Button type="submit" kind="primary" {...(last && looks ? { icon: Eye } : {})} busy={busy}>
            {last ? finish : t("common.continue")}
          </Button>
          {last && <span className={styles.quiet}>{note}</span>}
        </div>
      </form>
    </Page>
  );
}
