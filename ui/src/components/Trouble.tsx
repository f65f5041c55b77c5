/** An error of the engine: what happened, what it means for the data, what to do next; and a password where one is missing. */
import { useState } from "react";

import type { ApiError } from "../api";
import { keepPassword } from "../lib/queries";
import { t } from "../text/text";
import { Button } from "./Button";
import { Field, PasswordInput } from "./Form";
import { Notice } from "./Page";
import { ServerQuestion } from "./ServerQuestion";
import styles from "./Trouble.module.css";
import { TroubleText } from "./TroubleText";

export { TroubleText };

function PasswordForm({ placeId, wrong }: { placeId: string; wrong: boolean }) {
  const [password, setPassword] = useState("");
  return (
    <form
      className={styles.password}
      onSubmit={(event) => {
        event.preventDefault();
        if (password !== "") keepPassword(placeId, password);
      }}
    >
      <Field label={t("password.label")} hint={t("password.explain")} error={wrong ? t("trouble.means.wrongPassword") : undefined}>
        <PasswordInput value={password} onValue={setPassword} />
      </Field>
      <Button type="submit" kind="primary" disabled={password === ""}>
        {t("password.use")}
      </Button>
    </form>
  );
}

interface TroubleProps {
  error: ApiError;
  /** The place it is about: lets the person give a missing password. */
  placeId?: string;
  onRetry?: (() => void) | undefined;
}

export function Trouble({ error, placeId, onRetry }: TroubleProps) {
  const password = error.code === "passwordNeeded" || error.code === "wrongPassword";
  return (
    <Notice
      alert
      tone={error.code === "passwordNeeded" || error.code === "halted" || error.code === "busy" || error.code === "unknownServer" ? "asking" : "bad"}
      heading={error.message}
      actions={onRetry && !password && error.server === null && <Button onClick={onRetry}>{t("common.retry")}</Button>}
    >
      <TroubleText error={error} />
      <ServerQuestion error={error} onAccepted={onRetry} />
      {password && placeId !== undefined && <PasswordForm placeId={placeId} wrong={error.code === "wrongPassword"} />}
    </Notice>
  );
}
