#include "common/borders.hpp"

#include <algorithm>
#include <vector>

namespace pixelwise {
namespace {

using Index = std::ptrdiff_t;

// Takes over into `row` what its neighbour row `near` knows, one step farther, then what its own pixels know. `step` is 1
// or -1: the order in which pixels pass on what they know.
void pass_on(std::uint8_t* row, const std::uint8_t* near, Index width, Index step) {
    if (near != nullptr) {
        const auto take = [&](Index x, int from) { row[x] = static_cast<std::uint8_t>(std::min<int>(row[x], from + 1)); };
        take(0, std::min(near[0], near[std::min<Index>(1, width - 1)]));
        for (Index x = 1; x + 1 < width; ++x) take(x, std::min({near[x - 1], near[x], near[x + 1]}));
        take(width - 1, std::min(near[width - 1], near[std::max<Index>(0, width - 2)]));
    }
    int known = 255;
    for (Index i = 0, x = step > 0 ? 0 : width - 1; i < width; ++i, x += step) {
        known = std::min<int>(row[x], known + 1);
        row[x] = static_cast<std::uint8_t>(known);
    }
}

// The labels of a map on its contours, `ignore` elsewhere and on a margin around it.
struct Contours {
    Contours(const std::uint8_t* labels, Index height, Index width, Index margin, std::uint8_t ignore)
        : stride(width + 2 * margin), cells(static_cast<std::size_t>((height + 2 * margin) * stride), ignore) {
        for (Index y = 0; y < height; ++y)
            for (Index x = 0; x < width; ++x) {
                const std::uint8_t* at = labels + y * width + x;
                if ((x > 0 && at[-1] != *at) || (x + 1 < width && at[1] != *at) || (y > 0 && at[-width] != *at) ||
                    (y + 1 < height && at[width] != *at))
                    cells[static_cast<std::size_t>((y + margin) * stride + x + margin)] = *at;
            }
    }
    Index stride;
    std::vector<std::uint8_t> cells;
};

// Counts the pixels of contours in `own` in `all`, and those of them that have a pixel of their label in `other` at one
// of the offsets in `near`.
bool count_near(const Contours& own, const Contours& other, const std::vector<Index>& offsets, std::uint8_t ignore,
                std::size_t classes, std::int64_t* near, std::int64_t* all) {
    for (std::size_t i = 0; i < own.cells.size(); ++i) {
        const std::uint8_t label = own.cells[i];
        if (label == ignore) continue;
        if (label >= classes) return false;
        const std::uint8_t* at = other.cells.data() + i;
        ++all[label];
        near[label] += std::any_of(offsets.begin(), offsets.end(), [=](Index by) { return at[by] == label; });
    }
    return true;
}

}  // namespace

void chessboard_distance(const std::uint8_t* mask, std::size_t height, std::size_t width, int limit,
                         std::uint8_t* distance) {
    const Index rows = static_cast<Index>(height), columns = static_cast<Index>(width);
    const auto far = static_cast<std::uint8_t>(limit + 1);
    std::transform(mask, mask + height * width, distance,
                   [far](std::uint8_t marked) { return marked ? std::uint8_t{0} : far; });
    for (Index y = 0; y < rows; ++y)
        pass_on(distance + y * columns, y > 0 ? distance + (y - 1) * columns : nullptr, columns, 1);
    for (Index y = rows - 1; y >= 0; --y)
        pass_on(distance + y * columns, y + 1 < rows ? distance + (y + 1) * columns : nullptr, columns, -1);
}

bool count_contours(const std::uint8_t* truth, const std::uint8_t* prediction, std::size_t height, std::size_t width,
                    double radius, int ignore, std::size_t classes, std::int64_t* counts) {
    const auto reach = static_cast<Index>(radius);
    const auto none = static_cast<std::uint8_t>(ignore);
    const Index rows = static_cast<Index>(height), columns = static_cast<Index>(width);
    const Contours true_ones(truth, rows, columns, reach, none), predicted(prediction, rows, columns, reach, none);
    struct Step {
        Index squared, offset;
    };
    std::vector<Step> steps;
    for (Index y = -reach; y <= reach; ++y)
        for (Index x = -reach; x <= reach; ++x)
            if (static_cast<double>(x * x + y * y) <= radius * radius)
                steps.push_back({x * x + y * y, y * predicted.stride + x});
    std::stable_sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) { return a.squared < b.squared; });
    std::vector<Index> offsets;  // the nearest first: most contours are near
    for (const Step& step : steps) offsets.push_back(step.offset);
    return count_near(predicted, true_ones, offsets, none, classes, counts, counts + classes) &&
           count_near(true_ones, predicted, offsets, none, classes, counts + 2 * classes, counts + 3 * classes);
}

}  // namespace pixelwise
