/** The dashboard's page as it was built (dashboard/build.ts): beside the programs, in the package as in a checkout. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { EdgebanError } from '../shared/errors.ts';

const Page = z.object({ html: z.string(), policy: z.string() });
const built = new URL('../dist/dashboard.json', import.meta.url).pathname;

/** Throws ERR_DASHBOARD_PAGE. */
export function dashboardPage(file = built): z.infer<typeof Page> {
  try {
    return Page.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch (cause) {
    const remedy = 'in a checkout: node dashboard/build.ts';
    throw new EdgebanError('ERR_DASHBOARD_PAGE', 'the page was not built', { file, remedy, cause });
  }
}
