/** What opens a server. Empty where it needs nothing, or where this computer knows it already. */
import type { Access } from "../lib/server";
import { t } from "../text/text";
import { Field, PasswordInput, TextInput } from "./Form";
import styles from "./ServerAccess.module.css";

export function ServerAccess({ access, onAccess }: { access: Access; onAccess: (access: Access) => void }) {
  return (
    <div className={styles.pair}>
      <Field label={t("server.user")}>
        <TextInput value={access.user} onValue={(user) => onAccess({ ...access, user })} />
      </Field>
      <Field label={t("server.secret")} hint={t("server.secret_hint")}>
        <PasswordInput value={access.secret} onValue={(secret) => onAccess({ ...access, secret })} />
      </Field>
    </div>
  );
}
