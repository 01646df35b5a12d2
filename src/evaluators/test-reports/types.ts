/** How many tests did what, as a test runner's report tells it. */
export interface TestCounts {
  readonly passed: number;
  /** Failed, broken and cancelled tests, and test files that could not be loaded (one each). */
  readonly failed: number;
  /** Skipped, ignored, to do, and failures that were expected. */
  readonly skipped: number;
}

/** What a parser makes of a text: counts, a report that cannot be trusted, or null = not in this format. */
export type ReportReading = TestCounts | { readonly problem: string } | null;

/** Pure; gets text without ANSI codes and with `\n` line ends. */
export type ReportParser = (text: string) => ReportReading;
