"""What figures are made of: colours, dots with intervals, stacked bars, dialled axes, labels, SVG."""
