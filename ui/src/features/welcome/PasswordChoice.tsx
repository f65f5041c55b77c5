/** Whether the person wants a password of their own. */
import { Checkbox, Field, PasswordInput } from "../../components/Form";
import { t } from "../../text/text";
import { LEAST_LETTERS, type PasswordAnswer } from "./answers";
import styles from "./Welcome.module.css";

export function PasswordChoice({ value, onValue, asked }: { value: PasswordAnswer; onValue: (value: PasswordAnswer) => void; asked: boolean }) {
  const short = asked && value.password.length < LEAST_LETTERS;
  const differs = asked && value.again !== value.password;
  return (
    <div className={styles.password}>
      <Checkbox checked={value.wanted} onChecked={(wanted) => onValue({ ...value, wanted })} text={t("welcome.password")} note={t("welcome.password_note")} />
      {value.wanted && (
        <div className={styles.passwords}>
          <Field label={t("welcome.password_label")} error={short ? t("welcome.password_short") : undefined}>
            <PasswordInput value={value.password} onValue={(password) => onValue({ ...value, password })} />
          </Field>
          <Field label={t("welcome.password_again")} error={differs ? t("welcome.password_differs") : undefined}>
            <PasswordInput value={value.again} onValue={(again) => onValue({ ...value, again })} />
          </Field>
        </div>
      )}
    </div>
  );
}
