/** Fields of a form: each with its label, a hint where it helps, and its error beside it. */
import { Checkbox as BaseCheckbox } from "@base-ui/react/checkbox";
import { Field as BaseField } from "@base-ui/react/field";
import { Radio as BaseRadio } from "@base-ui/react/radio";
import { RadioGroup as BaseRadioGroup } from "@base-ui/react/radio-group";
import { Select as BaseSelect } from "@base-ui/react/select";
import { Switch as BaseSwitch } from "@base-ui/react/switch";
import { Check, ChevronsUpDown, Eye, EyeOff, Minus, Search, X } from "lucide-react";
import { useId, useState, type InputHTMLAttributes, type ReactNode, type Ref } from "react";

import { classes } from "../lib/classes";
import { t } from "../text/text";
import { IconButton } from "./Button";
import styles from "./Form.module.css";
import overlay from "./Overlay.module.css";

interface FieldProps {
  label: string;
  hint?: ReactNode;
  error?: string | undefined;
  children: ReactNode;
}

export function Field({ label, hint, error, children }: FieldProps) {
  return (
    <BaseField.Root className={styles.field} invalid={error !== undefined}>
      <BaseField.Label className={styles.label}>{label}</BaseField.Label>
      {children}
      {hint !== undefined && <BaseField.Description className={styles.hint}>{hint}</BaseField.Description>}
      {error !== undefined && (
        <BaseField.Error match className={styles.error}>
          {error}
        </BaseField.Error>
      )}
    </BaseField.Root>
  );
}

type InputProps = Omit<InputHTMLAttributes<HTMLInputElement>, "value" | "onChange" | "defaultValue"> & {
  value: string;
  onValue: (value: string) => void;
  mono?: boolean;
  ref?: Ref<HTMLInputElement>;
};

export function TextInput({ value, onValue, mono = false, className, ref, ...rest }: InputProps) {
  return (
    <BaseField.Control
      {...rest}
      render={<input ref={ref} />}
      value={value}
      onValueChange={(next) => onValue(next)}
      spellCheck={false}
      autoComplete="off"
      className={classes(styles.input, mono && styles.mono, className)}
    />
  );
}

/** A password: hidden unless the person asks to see it. */
export function PasswordInput(props: InputProps) {
  const [shown, setShown] = useState(false);
  return (
    <span className={styles.withButton}>
      <TextInput {...props} type={shown ? "text" : "password"} />
      <IconButton
        icon={shown ? EyeOff : Eye}
        label={shown ? t("form.hide_password") : t("form.show_password")}
        small
        className={styles.inside}
        onClick={() => setShown(!shown)}
      />
    </span>
  );
}

/** A field to search with: Escape empties it. */
export function SearchInput({ value, onValue, label, ...rest }: InputProps & { label: string }) {
  return (
    <span className={styles.search}>
      <Search aria-hidden="true" className={styles.searchIcon} />
      <input
        {...rest}
        type="text"
        role="searchbox"
        aria-label={label}
        placeholder={label}
        value={value}
        spellCheck={false}
        autoComplete="off"
        onChange={(event) => onValue(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Escape" && value !== "") {
            event.stopPropagation();
            onValue("");
          }
        }}
        className={classes(styles.input, styles.searchInput)}
      />
      {value !== "" && (
        <IconButton icon={X} label={t("common.clear")} small className={styles.inside} onClick={() => onValue("")} />
      )}
    </span>
  );
}

export interface Choice<Value extends string> {
  value: Value;
  text: string;
  note?: ReactNode;
}

interface SelectProps<Value extends string> {
  value: Value;
  onValue: (value: Value) => void;
  choices: Choice<Value>[];
  label?: string;
}

export function Select<Value extends string>({ value, onValue, choices, label }: SelectProps<Value>) {
  const items = choices.map((choice) => ({ value: choice.value, label: choice.text }));
  return (
    <BaseSelect.Root items={items} value={value} onValueChange={(next) => next !== null && onValue(next)}>
      <BaseSelect.Trigger className={classes(styles.input, styles.select)} aria-label={label}>
        <BaseSelect.Value />
        <ChevronsUpDown aria-hidden="true" className={styles.selectIcon} />
      </BaseSelect.Trigger>
      <BaseSelect.Portal>
        <BaseSelect.Positioner alignItemWithTrigger={false} sideOffset={4} className={overlay.positioner}>
          <BaseSelect.Popup className={classes(overlay.menu, styles.selectPopup)}>
            {choices.map((choice) => (
              <BaseSelect.Item key={choice.value} value={choice.value} className={overlay.item}>
                <span className={styles.tick}>
                  <BaseSelect.ItemIndicator>
                    <Check aria-hidden="true" />
                  </BaseSelect.ItemIndicator>
                </span>
                <span>
                  <BaseSelect.ItemText>{choice.text}</BaseSelect.ItemText>
                  {choice.note !== undefined && <span className={overlay.itemNote}>{choice.note}</span>}
                </span>
              </BaseSelect.Item>
            ))}
          </BaseSelect.Popup>
        </BaseSelect.Positioner>
      </BaseSelect.Portal>
    </BaseSelect.Root>
  );
}

interface CheckboxProps {
  checked: boolean;
  onChecked: (checked: boolean) => void;
  /** Part of what is below is chosen. */
  partly?: boolean;
  disabled?: boolean;
  text: ReactNode;
  note?: ReactNode;
}

export function Checkbox({ checked, onChecked, partly = false, disabled = false, text, note }: CheckboxProps) {
  const noteId = useId();
  return (
    <label className={styles.choice}>
      <BaseCheckbox.Root
        checked={checked}
        indeterminate={partly}
        disabled={disabled}
        aria-describedby={note === undefined ? undefined : noteId}
        onCheckedChange={(next) => onChecked(next)}
        className={styles.box}
      >
        <BaseCheckbox.Indicator className={styles.mark}>
          {partly ? <Minus aria-hidden="true" /> : <Check aria-hidden="true" />}
        </BaseCheckbox.Indicator>
      </BaseCheckbox.Root>
      <span>
        {text}
        {note !== undefined && (
          <span id={noteId} className={styles.choiceNote}>
            {note}
          </span>
        )}
      </span>
    </label>
  );
}

interface RadiosProps<Value extends string> extends SelectProps<Value> {
  label: string;
  /** The label is read aloud only: the page says it already. */
  quietLabel?: boolean;
  /** What holds whichever is chosen. */
  hint?: string;
}

/** One of a few: all of them in sight, each with a sentence on what it means. */
export function Radios<Value extends string>({ value, onValue, choices, label, quietLabel = false, hint }: RadiosProps<Value>) {
  const id = useId();
  return (
    <div className={styles.field}>
      <span id={id} className={quietLabel ? "only-spoken" : styles.label}>
        {label}
      </span>
      <BaseRadioGroup aria-labelledby={id} aria-describedby={hint === undefined ? undefined : `${id}-hint`} value={value} onValueChange={(next) => onValue(next)} className={styles.radios}>
        {choices.map((choice) => (
          <label key={choice.value} className={classes(styles.choice, styles.radioRow)}>
            <BaseRadio.Root value={choice.value} className={styles.radio}>
              <BaseRadio.Indicator className={styles.dot} />
            </BaseRadio.Root>
            <span>
              {choice.text}
              {choice.note !== undefined && <span className={styles.choiceNote}>{choice.note}</span>}
            </span>
          </label>
        ))}
      </BaseRadioGroup>
      {hint !== undefined && (
        <span id={`${id}-hint`} className={styles.hint}>
          {hint}
        </span>
      )}
    </div>
  );
}

export function Switch({ checked, onChecked, text, note, disabled = false }: Omit<CheckboxProps, "partly">) {
  const noteId = useId();
  return (
    <label className={styles.switchRow}>
      <span>
        {text}
        {note !== undefined && (
          <span id={noteId} className={styles.choiceNote}>
            {note}
          </span>
        )}
      </span>
      <BaseSwitch.Root
        checked={checked}
        disabled={disabled}
        aria-describedby={note === undefined ? undefined : noteId}
        onCheckedChange={(next) => onChecked(next)}
        className={styles.switch}
      >
        <BaseSwitch.Thumb className={styles.thumb} />
      </BaseSwitch.Root>
    </label>
  );
}
