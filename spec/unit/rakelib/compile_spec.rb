# frozen_string_literal: true

require "open3"
require "tmpdir"

RSpec.describe "rake compile" do
  let(:root) { File.expand_path("../../..", __dir__) }

  def fresh?(makefile)
    Dir.mktmpdir do |directory|
      File.write(File.join(directory, "Makefile"), makefile) if makefile
      script = "ROOT = ARGV.fetch(0); load(ARGV.fetch(1)); print Compile.makefile_fresh?"
      output, = Open3.capture2e(RbConfig.ruby, "-r", "rake", "-e", script, root,
                                File.join(root, "rakelib", "compile.rake"), chdir: directory)
      output
    end
  end

  it "takes a Makefile of this checkout alone" do
    # As rb_sys writes it
    line = "RB_SYS_CARGO_MANIFEST_DIR ?= %s/ext/karafka_embedded\n"
    expect(fresh?(nil)).to eq("false")
    expect(fresh?(format(line, root))).to eq("true")
    ["/elsewhere", "/elsewhere#{root}", "#{root}-2"].each { |place| expect(fresh?(format(line, place))).to eq("false") }
  end
end
