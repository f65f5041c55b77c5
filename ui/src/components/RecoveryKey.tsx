/** The recovery key: shown once, to be copied, printed or saved, and confirmed. Never kept by the window. */
import { useBlocker } from "@tanstack/react-router";
import { Copy, Printer, Save } from "lucide-react";
import { useState } from "react";

import { saveText } from "../api";
import { copyText } from "../lib/clipboard";
import { formatExact } from "../lib/format";
import { t } from "../text/text";
import { Button } from "./Button";
import { Confirm } from "./Dialog";
import { Checkbox } from "./Form";
import { tellDone, tellFailed } from "./news";
import styles from "./RecoveryKey.module.css";

interface RecoveryKeyProps {
  recoveryKey: string;
  place: string;
  path: string;
  confirmed: boolean;
  onConfirmed: (confirmed: boolean) => void;
}

export function RecoveryKey({ recoveryKey, place, path, confirmed, onConfirmed }: RecoveryKeyProps) {
  const [made] = useState(Date.now);
  // Leaving the page would lose the key: asked once more.
  const leaving = useBlocker({ shouldBlockFn: () => !confirmed, withResolver: true, enableBeforeUnload: false });
  const sheet = t("key.sheet", { place, path, when: formatExact(made), key: recoveryKey });
  const copy = () => {
    void copyText(recoveryKey).then((worked) =>
      worked ? tellDone(t("key.copied"), t("key.copied_note")) : tellFailed(t("key.copy_failed"), t("key.copy_failed_note")),
    );
  };
  const save = () => {
    saveText(t("key.file_name"), sheet)
      .then((saved) => saved && tellDone(t("key.saved")))
      .catch((failure: unknown) => tellFailed(failure instanceof Error ? failure.message : String(failure)));
  };
  return (
    <div className={styles.key}>
      <p className={styles.explain}>{t("key.explain")}</p>
      <output aria-label={t("key.label")} className={styles.text} data-testid="recovery-key">
        {recoveryKey}
      </output>
      <div className={styles.actions}>
        <Button icon={Copy} onClick={copy}>
          {t("key.copy")}
        </Button>
        <Button icon={Printer} onClick={() => window.print()}>
          {t("key.print")}
        </Button>
        <Button icon={Save} onClick={save}>
          {t("key.save")}
        </Button>
      </div>
      <Checkbox checked={confirmed} onChecked={onConfirmed} text={t("key.confirm")} />
      <Confirm
        open={leaving.status === "blocked"}
        danger
        onClose={() => leaving.reset?.()}
        onConfirm={() => leaving.proceed?.()}
        heading={t("key.leave_heading")}
        confirm={t("key.leave")}
      >
        {t("key.leave_text")}
      </Confirm>
      <pre aria-hidden="true" className={styles.sheet}>
        {sheet}
      </pre>
    </div>
  );
}
