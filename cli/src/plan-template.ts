// What `wardround study init` writes: a plan that compiles, with every key explained where it stands.

export const planTemplate = `# A study plan. What you leave out is filled in by \`wardround study compile\`, which shows every value before anything is signed.
# \`wardround study validate FILE\` explains each mistake. All keys and defaults: docs/plan.md.
wardround: study/v1
title: Heart disease in four hospitals
purpose: { text: Risk model for coronary disease, ethics: EK-2026/114 }   # the ethics committee's reference
expires: 2027-03-31T23:59:59Z            # no site trains after this instant

cohort:                                  # the contract that each hospital checks its own data against
  minimumRows: 30
  missing: dropRow                       # dropRow | refuse
  features:
    age:      { type: number, unit: a, range: [18, 110] }    # units are UCUM codes; a value out of range is an error
    sex:      { type: number, range: [0, 1] }
    trestbps: { type: number, unit: "mm[Hg]", range: [0, 300] }
    chol:     { type: number, unit: mg/dL, range: [0, 700] }
    cp:       { type: code, codes: [1, 2, 3, 4], encode: oneHotDropFirst }   # oneHot | oneHotDropFirst
  label: { name: num, positiveWhen: "> 0" }
  standardise: perSite                   # perSite | none
  split: { testFraction: 0.34, seed: 43 }    # or { column: fold, train: train, test: test }, or none

model: { kind: logisticRegression, l2: 0 }   # logisticRegression | linearRegression | mlp { hidden: [16], activation: relu }
training: { optimizer: sgd, learningRate: 0.001, batchSize: 4, steps: 100, seed: 42 }
strategy: { name: fedAvg }               # fedAvg | fedProx { mu } | fedAvgM | fedAdam | scaffold | ... (docs/strategies.md)
rounds: 15

sites:
  roster: [cleveland, hungary, switzerland, va]
  minimum: 3                             # no result of fewer sites than this leaves the enclave
  maxShare: 0.7                          # no site may be more than this share of a result
  deadline: 10m
  onShortfall: wait                      # wait | stop

privacy: { mode: noDifferentialPrivacy } # a named weakness, which every approving site sees
masking: unmasked                        # likewise
evaluation: { metrics: [accuracy, auroc, calibration], minimumCell: 10 }
attestation: { platforms: [sevSnp], gpu: unused, release: heart-enclave-1.2 }
release: { to: [dr.lind], whenSitesAgree: 3, formats: [safetensors, onnx] }    # and tfjs, for JavaScript
`;
