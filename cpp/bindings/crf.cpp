// Python bindings of the dense CRF. They are a separate source because they compile as long as the rest.
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <mutex>
#include <type_traits>

#include "bindings/bindings.hpp"
#include "crf/mean_field.hpp"

namespace {

template <typename T>
using Volume = AlignedArray<T, 4>;  // (classes, depth, height, width), any strides

// The Python object: the mean field, and a lock that serialises its calls, since they run without the GIL.
class CrfHandle {
    static constexpr std::ptrdiff_t limit = 0x7fffffff;

    template <typename T>
    pixelwise::Strided<T> strided(const Volume<T>& array) const {
        const pixelwise::Shape& shape = field_->shape();
        require(array.shape(0) == static_cast<std::size_t>(field_->classes()) &&
                    array.shape(1) == static_cast<std::size_t>(shape.depth) &&
                    array.shape(2) == static_cast<std::size_t>(shape.height) &&
                    array.shape(3) == static_cast<std::size_t>(shape.width),
                "array is not (classes, depth, height, width)");
        if (!std::is_const_v<T>)
            for (std::size_t axis = 0; axis < 4; ++axis)
                require(array.shape(axis) == 1 || array.stride(axis) != 0, "an array to be filled repeats its numbers");
        return {array.data(), array.stride(0), array.stride(1), array.stride(2), array.stride(3)};
    }
    template <class Work>
    auto locked(const Work& work) {
        const Released released;
        const std::lock_guard<std::mutex> hold(lock_);
        return work();
    }
    pixelwise::MeanField& checked() {
        require(ready_, "set_unary comes first");
        return *field_;
    }

  public:
    using KernelTuple = std::tuple<Array<const float, 2>, int, float, std::optional<Array<const float, 2>>>;

    CrfHandle(std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t> shape, int classes,
              const std::vector<KernelTuple>& kernels, int threads, const std::optional<std::string>& instructions,
              std::optional<std::ptrdiff_t> most_vertices) {
        const pixelwise::Shape sizes{std::get<0>(shape), std::get<1>(shape), std::get<2>(shape)};
        require(sizes.depth > 0 && sizes.height > 0 && sizes.width > 0 && classes > 0,
                "shape and classes must be positive");
        require_threads(threads);
        require(!most_vertices || *most_vertices > 0, "most_vertices must be positive");
        require(sizes.depth <= limit && sizes.height <= limit && sizes.width <= limit &&
                    sizes.depth * sizes.height <= limit && sizes.pixels() <= limit && classes <= 65536,
                "more than 2^31 - 1 pixels or 65536 classes");
        std::vector<pixelwise::Pairwise> terms;
        for (const auto& [features, normalization, weight, label] : kernels) {
            require(features.shape(0) >= 1 && features.shape(0) <= pixelwise::max_dimensions &&
                        features.shape(1) == static_cast<std::size_t>(sizes.pixels()),
                    "features are not (1 to 16, pixels)");
            require(normalization >= 0 && normalization < 4, "unknown normalization");
            require(weight >= 0.0f, "negative weight");
            std::vector<float> matrix;
            if (label) {
                require(label->shape(0) == label->shape(1) && label->shape(0) == static_cast<std::size_t>(classes),
                        "label matrix is not (classes, classes)");
                matrix.assign(label->data(), label->data() + label->size());
            }
            terms.push_back({static_cast<int>(features.shape(0)), features.data(),
                             static_cast<pixelwise::Normalization>(normalization), weight, matrix});
        }
        const pixelwise::Routines& chosen = routines_named(instructions);
        const Released released;
        field_ = std::make_unique<pixelwise::MeanField>(sizes, classes, terms, threads, chosen,
                                                        most_vertices.value_or(PTRDIFF_MAX));
    }

    std::ptrdiff_t set_unary(Volume<const float> unary) {
        const auto view = strided<const float>(unary);
        return locked([&] {
            ready_ = false;
            const std::ptrdiff_t bad = field_->set_unary(view);
            ready_ = bad < 0;
            return bad;
        });
    }
    void step() {
        locked([&] { checked().step(); });
    }
    void step_from(Volume<const float> beliefs) {
        const auto view = strided<const float>(beliefs);
        locked([&] { checked().step_from(view); });
    }
    void beliefs(Volume<float> out) {
        const auto view = strided<float>(out);
        locked([&] { checked().beliefs(view); });
    }
    void labels(Array<std::int32_t, 1> out) {
        require(out.size() == static_cast<std::size_t>(field_->shape().pixels()), "labels are not (pixels)");
        locked([&] { checked().labels(out.data()); });
    }
    double divergence() {
        return locked([&] { return checked().divergence(); });
    }
    double divergence_of(Volume<const float> beliefs) {
        const auto view = strided<const float>(beliefs);
        return locked([&] { return checked().divergence_of(view); });
    }
    void message(std::size_t term, Volume<const float> values, Volume<float> out) {
        require(term < field_->terms(), "no such kernel");
        const auto from = strided<const float>(values);
        const auto to = strided<float>(out);
        locked([&] { field_->message(term, from, to); });
    }
    std::vector<std::ptrdiff_t> vertices() const {
        std::vector<std::ptrdiff_t> counts;
        for (std::size_t k = 0; k < field_->terms(); ++k) counts.push_back(field_->vertices(k));
        return counts;
    }
    int threads() const { return field_->threads(); }

  private:
    std::unique_ptr<pixelwise::MeanField> field_;
    std::mutex lock_;
    bool ready_ = false;
};

}  // namespace

void bind_crf(nb::module_& module) {
    nb::exception<pixelwise::LatticeTooLarge>(module, "LatticeTooLarge", PyExc_MemoryError);
    nb::class_<CrfHandle>(module, "MeanField", "A dense CRF; the arrays it takes and fills are (classes, depth, height, width).")
        .def(nb::init<std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t>, int,
                      const std::vector<CrfHandle::KernelTuple>&, int, const std::optional<std::string>&,
                      std::optional<std::ptrdiff_t>>(),
             "shape"_a, "classes"_a, "kernels"_a, "threads"_a, "instructions"_a.none() = nb::none(),
             "most_vertices"_a.none() = nb::none(),
             "kernels: (features (d, pixels), normalization 0 none 1 before 2 after 3 symmetric, weight, label matrix or "
             "None). LatticeTooLarge if all lattices together have more than `most_vertices`.")
        .def("set_unary", &CrfHandle::set_unary, "unary"_a,
             "Take energies and start again; return the index class * pixels + pixel of one that is not finite, or -1.")
        .def("step", &CrfHandle::step, "One iteration.")
        .def("step_from", &CrfHandle::step_from, "beliefs"_a, "One iteration from these beliefs.")
        .def("beliefs", &CrfHandle::beliefs, "out"_a, "Fill in Q.")
        .def("labels", &CrfHandle::labels, "out"_a, "Fill in the likeliest class of each pixel.")
        .def("divergence", &CrfHandle::divergence, "The mean-field objective of the present beliefs.")
        .def("divergence_of", &CrfHandle::divergence_of, "beliefs"_a, "The mean-field objective of these beliefs.")
        .def("message", &CrfHandle::message, "term"_a, "values"_a, "out"_a,
             "Filter these values with one kernel and write the result.")
        .def_prop_ro("vertices", &CrfHandle::vertices, "Lattice vertices of each kernel.")
        .def_prop_ro("threads", &CrfHandle::threads, "Threads in use.");
    module.def("instruction_set", [] { return std::string(pixelwise::find_routines()->name); },
               "The instruction set that is chosen on this processor.");
}
