/** What the rest of the window knows of the engine: commands, their types, and the jobs it runs. */
export * from "./generated";
export { chooseFolder, hasFolderPicker, saveText } from "./shell";
export { isActive, onJobsEnded, showJob, startJobs, useJob, useJobs, whenEnded, type JobsPicture } from "./jobs";
export { call, Failure, insideShell, toFailure } from "./transport";
