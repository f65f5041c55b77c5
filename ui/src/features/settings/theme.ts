/** The theme as a setting of the engine, shown at once. */
import { useEffect } from "react";

import type { Theme } from "../../api";
import { tellFailed } from "../../components/news";
import { useAct, useAsk } from "../../lib/queries";
import { showTheme } from "../../lib/theme";

/** The theme the person chose, and how to choose another. */
export function useThemeSetting(): { theme: Theme; setTheme: (theme: Theme) => void } {
  const settings = useAsk("settings.get", {}).data;
  const save = useAct("settings.set", { renews: ["settings"], onFailed: (failure) => tellFailed(failure.message) });
  const setTheme = (theme: Theme) => {
    showTheme(theme);
    if (settings) save.mutate({ settings: { ...settings, theme } });
  };
  return { theme: settings?.theme ?? "system", setTheme };
}

/** Follows the engine's setting. */
export function useThemeOfEngine(): void {
  const theme = useAsk("settings.get", {}).data?.theme;
  useEffect(() => {
    if (theme) showTheme(theme);
  }, [theme]);
}
