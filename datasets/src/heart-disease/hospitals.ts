// The four hospitals of the UCI Heart Disease data, and the fourteen columns of their processed files.

export const hospitals = ['cleveland', 'hungary', 'switzerland', 'va'] as const;
export type Hospital = (typeof hospitals)[number];

/** In the order of the processed files. Source: heart-disease.names, attribute information (14 used attributes). */
export const heartDiseaseColumns = [
  'age',
  'sex',
  'cp',
  'trestbps',
  'chol',
  'fbs',
  'restecg',
  'thalach',
  'exang',
  'oldpeak',
  'slope',
  'ca',
  'thal',
  'num',
] as const;
export type HeartDiseaseColumn = (typeof heartDiseaseColumns)[number];

/** How the data must be cited. Source: https://archive.ics.uci.edu/dataset/45/heart+disease, CC BY 4.0. */
export const heartDiseaseCitation =
  'Janosi, A., Steinbrunn, W., Pfisterer, M., and Detrano, R. (1988). Heart Disease. UCI Machine Learning Repository. https://doi.org/10.24432/C52P4X';
