/** The window begins here. */
import { CSPProvider } from "@base-ui/react/csp-provider";
import { Tooltip } from "@base-ui/react/tooltip";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";

import "./styles/tokens.css";
import "./styles/base.css";

import { startJobs } from "./api";
import { startEndings } from "./features/frame/endings";
import { Toasts } from "./components/Toasts";
import { useThemeOfEngine } from "./features/settings/theme";
import { queryClient, startRenewing } from "./lib/queries";
import { startTheme } from "./lib/theme";
import { router } from "./router";

function Window() {
  useThemeOfEngine();
  return (
    <Tooltip.Provider delay={500}>
      <Toasts>
        <RouterProvider router={router} />
      </Toasts>
    </Tooltip.Provider>
  );
}

startTheme();
startRenewing();
startEndings();
startJobs();

const place = document.getElementById("root");
if (place) {
  createRoot(place).render(
    <StrictMode>
      <CSPProvider disableStyleElements>
        <QueryClientProvider client={queryClient}>
          <Window />
        </QueryClientProvider>
      </CSPProvider>
    </StrictMode>,
  );
}
