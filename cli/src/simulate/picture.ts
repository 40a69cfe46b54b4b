// The picture of convergence: for each metric and the training loss a curve over the training rounds, one line a variant. SVG, no browser needed.
import { init } from 'echarts';
import type { Measurement } from './tidy.ts';

const width = 900;
const panelHeight = 260;
const legendLine = 22;

/** @param measurements of all variants; only the federated model on all rows is drawn */
export function convergencePicture(measurements: readonly Measurement[], title: string): string {
  const drawn = measurements.filter(
    ({ model, site, trainingRound, value }) =>
      model === 'federated' && site === 'all' && trainingRound !== null && value !== null,
  );
  const metrics = [...new Set(drawn.map(({ metric }) => metric))];
  const variants = [...new Set(drawn.map(({ variant }) => variant))];
  const panels = Math.max(metrics.length, 1);
  // One line a variant: the widths of texts are only guessed without a browser.
  const top = variants.length > 1 ? 70 + variants.length * legendLine : 70;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height: top + panels * panelHeight });
  const nameOf = (variant: number): string =>
    drawn.find((row) => row.variant === variant)?.changes ||
    (variants.length === 1 ? 'federated' : `variant ${variant}`);
  chart.setOption({
    animation: false,
    title: { text: title, left: 20, top: 10, textStyle: { fontSize: 15 } },
    legend:
      variants.length > 1
        ? { type: 'plain', orient: 'vertical', itemGap: 8, top: 38, left: 20, data: variants.map(nameOf) }
        : { show: false },
    grid: metrics.map((_, i) => ({ left: 80, right: 30, top: top + i * panelHeight, height: panelHeight - 80 })),
    xAxis: metrics.map((_, i) => ({
      type: 'value',
      gridIndex: i,
      minInterval: 1,
      min: 1,
      max: 'dataMax',
      name: i === metrics.length - 1 ? 'training round' : '',
      nameLocation: 'middle',
      nameGap: 26,
    })),
    yAxis: metrics.map((metric, i) => ({
      type: 'value',
      gridIndex: i,
      scale: true,
      name: metric,
      nameLocation: 'end',
    })),
    series: metrics.flatMap((metric, i) =>
      variants.map((variant) => ({
        type: 'line',
        name: nameOf(variant),
        xAxisIndex: i,
        yAxisIndex: i,
        showSymbol: false,
        data: drawn
          .filter((row) => row.metric === metric && row.variant === variant)
          .map(({ trainingRound, value }) => [trainingRound, value]),
      })),
    ),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return svg;
}
