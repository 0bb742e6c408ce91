import { describeLimit, useDatabase } from './whole-runs.ts';

useDatabase();
describeLimit(50);
