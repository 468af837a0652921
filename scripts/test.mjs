/**
 * npm test [-- unit|kernels|e2e [vitest filters]]: finds or installs a GPU driver and a browser, then runs everything.
 * No test may be skipped, and a run in which no kernel test met a GPU is a failure.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { checkBundle } from './bundle-size.mjs';
import { buildPage } from './lib/build.mjs';
import { ensureChromium } from './lib/chromium.mjs';
import { bin, ensurePackages, ROOT, run, runScript, Stop, say, seconds } from './lib/project.mjs';
import { ensureVulkan } from './lib/vulkan.mjs';

const PARTS = ['unit', 'kernels', 'e2e'];

/** Runs vitest; returns the tests of its JSON report as { file, name, status }. */
async function vitest(args, env) {
  const report = join(ROOT, '.cache', `vitest-${process.pid}.json`);
  mkdirSync(join(ROOT, '.cache'), { recursive: true });
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run(process.execPath, [bin('vitest/vitest.mjs'), 'run', ...args, ...reporters], { env });
  let tests = [];
  try {
    const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
    tests = testResults.flatMap((file) =>
      file.assertionResults.map((test) => ({ file: file.name, name: test.fullName, status: test.status })),
    );
  } catch {
    // No report: vitest failed before it ran a test, and its exit code says so.
  }
  rmSync(report, { force: true });
  return { code, tests };
}

/** What is wrong with a run beyond failed tests: nothing ran, or something was left out. */
function findGaps({ tests }, folder, filters) {
  const gaps = [];
  const ran = tests.filter((test) => test.status === 'passed' || test.status === 'failed');
  const here = ran.filter((test) => test.file.replaceAll(sep, '/').includes(`/tests/${folder}/`));
  if (here.length === 0) gaps.push(`no test of tests/${folder} ran`);
  const choosesByName = filters.some((filter) => /^(-t|--testNamePattern)/.test(filter));
  const skipped = tests.filter((test) => !ran.includes(test));
  if (!choosesByName) gaps.push(...skipped.map((test) => `${test.status}: ${test.name} (no test may be skipped)`));
  return gaps;
}

await runScript(async () => {
  const [first, ...rest] = process.argv.slice(2);
  if (first !== undefined && !PARTS.includes(first)) throw new Stop(`npm test -- [${PARTS.join('|')}] [vitest filters]`);
  const parts = first === undefined ? PARTS : [first];
  const inNode = parts.filter((part) => part !== 'e2e');
  // What tests and browsers leave in the system's temp folder goes with the run.
  const temp = mkdtempSync(join(tmpdir(), 'lab-test-'));
  process.on('exit', () => rmSync(temp, { recursive: true, force: true, maxRetries: 3 }));
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));
  process.env.TMPDIR = temp;
  const began = performance.now();
  const lines = [];
  const problems = [];
  const counts = { passed: 0, failed: 0 };

  await ensurePackages();
  const chromium = parts.includes('e2e') ? await ensureChromium() : undefined;
  const gpu = inNode.length > 0 ? await ensureVulkan() : undefined;
  if (gpu) say(`GPU for Node: ${gpu.name}`);
  if (chromium) say(`browser: ${chromium}`);

  /** Runs one part, notes its time and what went wrong. */
  const step = async (title, work) => {
    const since = performance.now();
    say(`\n── ${title}`);
    try {
      const done = await work();
      problems.push(...done.problems.map((problem) => `${title}: ${problem}`));
      lines.push(`${done.problems.length === 0 ? 'ok    ' : 'FAILED'} ${title.padEnd(18)} ${seconds(since).padStart(8)}  ${done.note}`);
    } catch (error) {
      problems.push(`${title}: ${error?.message ?? error}`);
      lines.push(`FAILED ${title.padEnd(18)} ${seconds(since).padStart(8)}`);
    }
  };
  const runVitest = async (args, env, folder) => {
    const done = await vitest([...args, ...rest], env);
    const passed = done.tests.filter((test) => test.status === 'passed').length;
    counts.passed += passed;
    counts.failed += done.tests.length - passed;
    const failure = done.code === 0 ? [] : [`vitest ended with code ${done.code}`];
    return { note: `${passed} of ${done.tests.length} tests passed`, problems: [...failure, ...findGaps(done, folder, rest)] };
  };

  if (inNode.length > 0) {
    const projects = inNode.flatMap((part) => ['--project', part]);
    await step(inNode.join(' + '), () => runVitest(projects, gpu.env, inNode.at(-1)));
  }
  if (parts.includes('e2e')) {
    const before = problems.length;
    await step('build', async () => ({
      note: (await buildPage({ force: first === undefined })) ? 'dist/' : 'dist/ was up to date',
      problems: [],
    }));
    if (problems.length === before) {
      await step('size of first load', async () => checkBundle(join(ROOT, 'dist')));
      await step('e2e', () => runVitest(['--config', 'tests/e2e/vitest.config.ts'], { CHROME_PATH: chromium }, 'e2e'));
    }
  }

  say(`\n${lines.join('\n')}`);
  if (gpu) say(`GPU for Node: ${gpu.name}`);
  if (problems.length > 0) say(`\n${problems.map((problem) => `✗ ${problem}`).join('\n')}`);
  console.log(`\n${counts.passed} passed, ${counts.failed} failed`);
  say(`${problems.length === 0 ? 'All tests passed' : 'FAILED'} in ${seconds(began)}.`);
  return problems.length === 0 ? 0 : 1;
});
