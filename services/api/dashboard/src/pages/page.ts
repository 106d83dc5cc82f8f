/** What a page is. */

import type { Context } from "../context.js";
import type { Section } from "../ui/section.js";

export interface Page {
  path: string;
  name: string;
  /** Whether `team` narrows it. */
  teams: boolean;
  /** Whether it shows the days before beside. */
  compares: boolean;
  /** The report that tells the same. */
  report?: string;
  sections: (context: Context) => Section[];
}
