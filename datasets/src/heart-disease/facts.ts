// Facts about the four hospitals that the synthetic cohorts follow: sizes, prevalences, means, code frequencies, missingness. No patient's row.
// Source: counted over processed.{cleveland,hungarian,switzerland,va}.data of UCI Heart Disease (CC BY 4.0, see hospitals.ts), whose sizes and
// class distribution are published in its heart-disease.names.
import type { Hospital } from './hospitals.ts';

export type NumberColumnName = 'age' | 'trestbps' | 'chol' | 'thalach' | 'oldpeak';
export type CodeColumnName = 'sex' | 'cp' | 'fbs' | 'restecg' | 'exang' | 'slope' | 'ca' | 'thal';

export interface NumberFacts {
  /** Mean and sample standard deviation of the values other than 0. */
  readonly mean: number;
  readonly deviation: number;
  /** Recorded zeros: no ST depression; for cholesterol, "not measured" (all of Switzerland). */
  readonly zeros: number;
  readonly missing: number;
}

export interface CodeFacts {
  /** Code and the number of rows that have it. */
  readonly counts: readonly (readonly [code: number, rows: number])[];
  readonly missing: number;
}

export interface HospitalFacts {
  readonly rows: number;
  readonly numbers: Readonly<Record<NumberColumnName, NumberFacts>>;
  readonly codes: Readonly<Record<CodeColumnName, CodeFacts>>;
  /** Rows with num = 0, 1, 2, 3, 4; the Hungarian file tells 0 and 1 only. */
  readonly severity: readonly [number, number, number, number, number];
}

export const hospitalFacts: Readonly<Record<Hospital, HospitalFacts>> = {
  cleveland: {
    rows: 303,
    numbers: {
      age: { mean: 54.44, deviation: 9.04, zeros: 0, missing: 0 },
      trestbps: { mean: 131.69, deviation: 17.6, zeros: 0, missing: 0 },
      chol: { mean: 246.69, deviation: 51.78, zeros: 0, missing: 0 },
      thalach: { mean: 149.61, deviation: 22.88, zeros: 0, missing: 0 },
      oldpeak: { mean: 1.54, deviation: 1.11, zeros: 99, missing: 0 },
    },
    codes: {
      sex: {
        counts: [
          [0, 97],
          [1, 206],
        ],
        missing: 0,
      },
      cp: {
        counts: [
          [1, 23],
          [2, 50],
          [3, 86],
          [4, 144],
        ],
        missing: 0,
      },
      fbs: {
        counts: [
          [0, 258],
          [1, 45],
        ],
        missing: 0,
      },
      restecg: {
        counts: [
          [0, 151],
          [1, 4],
          [2, 148],
        ],
        missing: 0,
      },
      exang: {
        counts: [
          [0, 204],
          [1, 99],
        ],
        missing: 0,
      },
      slope: {
        counts: [
          [1, 142],
          [2, 140],
          [3, 21],
        ],
        missing: 0,
      },
      ca: {
        counts: [
          [0, 176],
          [1, 65],
          [2, 38],
          [3, 20],
        ],
        missing: 4,
      },
      thal: {
        counts: [
          [3, 166],
          [6, 18],
          [7, 117],
        ],
        missing: 2,
      },
    },
    severity: [164, 55, 36, 35, 13],
  },
  hungary: {
    rows: 294,
    numbers: {
      age: { mean: 47.83, deviation: 7.81, zeros: 0, missing: 0 },
      trestbps: { mean: 132.58, deviation: 17.63, zeros: 0, missing: 1 },
      chol: { mean: 250.85, deviation: 67.66, zeros: 0, missing: 23 },
      thalach: { mean: 139.13, deviation: 23.59, zeros: 0, missing: 1 },
      oldpeak: { mean: 1.64, deviation: 0.76, zeros: 189, missing: 0 },
    },
    codes: {
      sex: {
        counts: [
          [0, 81],
          [1, 213],
        ],
        missing: 0,
      },
      cp: {
        counts: [
          [1, 11],
          [2, 106],
          [3, 54],
          [4, 123],
        ],
        missing: 0,
      },
      fbs: {
        counts: [
          [0, 266],
          [1, 20],
        ],
        missing: 8,
      },
      restecg: {
        counts: [
          [0, 235],
          [1, 52],
          [2, 6],
        ],
        missing: 1,
      },
      exang: {
        counts: [
          [0, 204],
          [1, 89],
        ],
        missing: 1,
      },
      slope: {
        counts: [
          [1, 12],
          [2, 91],
          [3, 1],
        ],
        missing: 190,
      },
      ca: { counts: [[0, 3]], missing: 291 },
      thal: {
        counts: [
          [3, 7],
          [6, 10],
          [7, 11],
        ],
        missing: 266,
      },
    },
    severity: [188, 106, 0, 0, 0],
  },
  switzerland: {
    rows: 123,
    numbers: {
      age: { mean: 55.32, deviation: 9.03, zeros: 0, missing: 0 },
      trestbps: { mean: 130.21, deviation: 22.56, zeros: 0, missing: 2 },
      chol: { mean: 0.0, deviation: 0.0, zeros: 123, missing: 0 },
      thalach: { mean: 121.56, deviation: 25.98, zeros: 0, missing: 1 },
      oldpeak: { mean: 1.02, deviation: 1.17, zeros: 42, missing: 6 },
    },
    codes: {
      sex: {
        counts: [
          [0, 10],
          [1, 113],
        ],
        missing: 0,
      },
      cp: {
        counts: [
          [1, 4],
          [2, 4],
          [3, 17],
          [4, 98],
        ],
        missing: 0,
      },
      fbs: {
        counts: [
          [0, 43],
          [1, 5],
        ],
        missing: 75,
      },
      restecg: {
        counts: [
          [0, 85],
          [1, 30],
          [2, 7],
        ],
        missing: 1,
      },
      exang: {
        counts: [
          [0, 68],
          [1, 54],
        ],
        missing: 1,
      },
      slope: {
        counts: [
          [1, 33],
          [2, 61],
          [3, 12],
        ],
        missing: 17,
      },
      ca: {
        counts: [
          [1, 2],
          [2, 3],
        ],
        missing: 118,
      },
      thal: {
        counts: [
          [3, 19],
          [6, 10],
          [7, 42],
        ],
        missing: 52,
      },
    },
    severity: [8, 48, 32, 30, 5],
  },
  va: {
    rows: 200,
    numbers: {
      age: { mean: 59.35, deviation: 7.81, zeros: 0, missing: 0 },
      trestbps: { mean: 134.7, deviation: 18.45, zeros: 0, missing: 56 },
      chol: { mean: 239.57, deviation: 52.79, zeros: 49, missing: 7 },
      thalach: { mean: 122.8, deviation: 21.99, zeros: 0, missing: 53 },
      oldpeak: { mean: 1.83, deviation: 0.87, zeros: 40, missing: 56 },
    },
    codes: {
      sex: {
        counts: [
          [0, 6],
          [1, 194],
        ],
        missing: 0,
      },
      cp: {
        counts: [
          [1, 8],
          [2, 14],
          [3, 47],
          [4, 131],
        ],
        missing: 0,
      },
      fbs: {
        counts: [
          [0, 125],
          [1, 68],
        ],
        missing: 7,
      },
      restecg: {
        counts: [
          [0, 80],
          [1, 93],
          [2, 27],
        ],
        missing: 0,
      },
      exang: {
        counts: [
          [0, 52],
          [1, 95],
        ],
        missing: 53,
      },
      slope: {
        counts: [
          [1, 16],
          [2, 53],
          [3, 29],
        ],
        missing: 102,
      },
      ca: { counts: [[0, 2]], missing: 198 },
      thal: {
        counts: [
          [3, 4],
          [6, 8],
          [7, 22],
        ],
        missing: 166,
      },
    },
    severity: [51, 56, 41, 42, 10],
  },
};
