/** Buttons and links that look like buttons. An icon alone always carries a label and a tooltip. */
import { createLink } from "@tanstack/react-router";
import type { LucideIcon } from "lucide-react";
import { LoaderCircle } from "lucide-react";
import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactNode, Ref } from "react";

import { classes } from "../lib/classes";
import styles from "./Button.module.css";
import { Tooltip } from "./Tooltip";

export type ButtonKind = "primary" | "plain" | "quiet" | "danger";

interface Look {
  kind?: ButtonKind;
  icon?: LucideIcon;
  children?: ReactNode;
}

type ButtonProps = Look &
  ButtonHTMLAttributes<HTMLButtonElement> & { busy?: boolean; ref?: Ref<HTMLButtonElement> };

/** A button with a word, and an icon where it helps. While busy it can not be pressed and says so. */
export function Button({ kind = "plain", icon: Icon, busy = false, children, className, ref, ...rest }: ButtonProps) {
  return (
    <button
      type="button"
      {...rest}
      ref={ref}
      aria-busy={busy || undefined}
      disabled={rest.disabled === true || busy}
      className={classes(styles.button, styles[kind], className)}
    >
      {busy ? (
        <LoaderCircle aria-hidden="true" className={classes(styles.icon, styles.turning)} />
      ) : (
        Icon && <Icon aria-hidden="true" className={styles.icon} />
      )}
      {children}
    </button>
  );
}

type IconButtonProps = Omit<ButtonHTMLAttributes<HTMLButtonElement>, "children"> & {
  icon: LucideIcon;
  label: string;
  small?: boolean;
  ref?: Ref<HTMLButtonElement>;
};

/** A button that shows only an icon; the label is read aloud and shown on hover and focus. */
export function IconButton({ icon: Icon, label, small = false, className, ref, ...rest }: IconButtonProps) {
  return (
    <Tooltip text={label}>
      <button
        type="button"
        {...rest}
        ref={ref}
        aria-label={label}
        className={classes(styles.button, styles.quiet, styles.only, small && styles.small, className)}
      >
        <Icon aria-hidden="true" className={styles.icon} />
      </button>
    </Tooltip>
  );
}

function Anchor({
  kind = "plain",
  icon: Icon,
  children,
  className,
  ref,
  ...rest
}: Look & AnchorHTMLAttributes<HTMLAnchorElement> & { ref?: Ref<HTMLAnchorElement> }) {
  return (
    <a {...rest} ref={ref} className={classes(styles.button, styles[kind], className)}>
      {Icon && <Icon aria-hidden="true" className={styles.icon} />}
      {children}
    </a>
  );
}

/** A link to another page of the window that looks like a button. */
export const LinkButton = createLink(Anchor);
