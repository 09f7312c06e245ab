// Interleaved timing: every round runs every candidate once, so drift of the machine hits all alike.

const TARGET_MS = 4; // a sample repeats short calls until it lasts about this long

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
};

/** `candidates`: name -> function that runs once and frees what it made. Gives name -> median ms a call. */
export function measure(candidates, { rounds }) {
  const tasks = Object.entries(candidates).map(([name, run]) => {
    run(); // warm up
    const start = performance.now();
    run();
    const once = Math.max(performance.now() - start, 1e-3);
    return {
      name,
      run,
      repeats: Math.max(1, Math.min(1000, Math.round(TARGET_MS / once))),
      samples: [],
    };
  });
  for (let round = 0; round < rounds; round++) {
    for (const task of tasks) {
      task.run(); // takes back from the system what the task before has freed
      const start = performance.now();
      for (let i = 0; i < task.repeats; i++) task.run();
      task.samples.push((performance.now() - start) / task.repeats);
    }
  }
  return Object.fromEntries(tasks.map((task) => [task.name, median(task.samples)]));
}
